// New structures of this page, and those that other corrections of the run have added meanwhile: one name and one value mean one structure in
// all of them. Whoever saved first keeps both, and the structures of this page give way. Voxels hold slots, and edits do: what was drawn
// stays, and so does what can be undone; only what a slot stands for changes.

import { texts } from '../texts.ts'
import type { Case } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import type { Palette, Structure } from '../voxel/palette.ts'
import { isSameName } from './names.ts'

const t = texts.refine

/** What is known elsewhere by now. */
export type Known = Pick<Case, 'structures' | 'taken-values' | 'taken-names'>

/** Which structures become which: those with a name that another correction gave take over that structure, and those whose value is taken
 * get a free one. */
export function changesFor(palette: Palette, { structures, 'taken-values': taken = [] }: Known): Map<Structure, Structure> {
  const isKnown = (own: Structure): boolean => structures.some(({ name, value, color }) => name === own.name && value === own.value && color === own.color)
  const own = [...new Set(palette.slots.flatMap(({ structure }) => (structure?.added && !isKnown(structure) ? [structure] : [])))]
  const changes = new Map<Structure, Structure>()
  for (const structure of own) {
    const same = structures.find(({ name, added }) => added && isSameName(name, structure.name))
    if (same) changes.set(structure, same)
  }
  const used = new Set([...taken, ...structures.flatMap(({ value, values }) => [value, ...values])])
  for (const structure of own) {
    if (changes.has(structure) || !used.has(structure.value)) continue
    const value = palette.freeValue([...used])
    used.add(value)
    changes.set(structure, { ...structure, value, values: [value] })
  }
  return changes
}

/** Lets the new structures of a page give way, and takes over those that others added; says which got which value. */
export function giveWay({ layers: { palette }, of }: Viewer, known: Known): string {
  const changes = changesFor(palette, known)
  palette.change(changes)
  for (const structure of known.structures) if (structure.added) palette.add(structure)
  of['taken-values'] = known['taken-values'] ?? of['taken-values']
  of['taken-names'] = known['taken-names'] ?? of['taken-names']
  return [...changes.values()].map((to) => (known.structures.includes(to) ? t.tookOver : t.renumbered)(to.name, to.value)).join(' ')
}
