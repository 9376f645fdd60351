// Edits of a label map: which voxels become what. Operations return an edit and change nothing; `apply` changes the map and returns the
// edit that undoes it.

import type { Grid } from './grid.ts'
import { count } from './grid.ts'

/** A label map in display order; 0 is background. */
export interface Labels {
  grid: Grid
  data: Uint8Array
}

export interface Edit {
  /** Positions in the array. */
  at: Uint32Array
  /** The new value at each of them. */
  to: Uint8Array
  /** What it came of, where that matters later; undoing and redoing keep it. */
  of?: unknown
}

/** A structure as labels hold it. The first value is the one that is painted. A structure that was merged from several has one more for each
 * of them, which counts as the structure as much: operations work on all of them together, as on one mask. A voxel that stays in the structure
 * keeps the value that it has, so that no part is lost by working on the whole. */
export type Members = readonly number[]

/** One for each value that is a member, 0 for all others. */
export function lookup(members: Members): Uint8Array {
  const is = new Uint8Array(256)
  for (const value of members) is[value] = 1
  return is
}

export const NOTHING: Edit = { at: new Uint32Array(), to: new Uint8Array() }

export const empty = (grid: Grid): Labels => ({ grid, data: new Uint8Array(count(grid)) })

/** An edit that puts voxels into a structure, without those that are in it. */
export function toStructure({ data }: Labels, at: ArrayLike<number>, members: Members): Edit {
  const is = lookup(members)
  const changed = Uint32Array.from(at as number[]).filter((i) => !is[data[i]])
  return { at: changed, to: new Uint8Array(changed.length).fill(members[0]) }
}

/** An edit that gives voxels one value, without those that have it. */
export const toValue = (labels: Labels, at: ArrayLike<number>, value: number): Edit => toStructure(labels, at, [value])

/** Applies an edit and returns its inverse. */
export function apply({ data }: Labels, { at, to, of }: Edit): Edit {
  const from = new Uint8Array(at.length)
  for (let k = 0; k < at.length; k++) from[k] = data[at[k]]
  for (let k = 0; k < at.length; k++) data[at[k]] = to[k]
  return of === undefined ? { at, to: from } : { at, to: from, of }
}

/** One edit that does what several inverses do one after another: for a stroke made of many small edits. */
export function joinInverses(inverses: Edit[]): Edit {
  const first = new Map<number, number>()
  for (const { at, to } of inverses) {
    for (let k = 0; k < at.length; k++) if (!first.has(at[k])) first.set(at[k], to[k])
  }
  return { at: Uint32Array.from(first.keys()), to: Uint8Array.from(first.values()) }
}

/** What was done, in order, and what was undone. */
export class History {
  private done: Edit[] = []
  private undone: Edit[] = []
  /** What forgotten edits came of: they are in effect for good. */
  private readonly kept: unknown[] = []
  private readonly limit: number

  /** @param limit most voxels that all edits together may hold; the oldest edits are forgotten first */
  constructor(limit = 40_000_000) {
    this.limit = limit
  }

  /** Notes the inverse of an edit that was applied. One that came of something is a step of its own even if it changed nothing. */
  push(inverse: Edit): void {
    if (inverse.at.length === 0 && inverse.of === undefined) return
    this.undone = []
    this.done.push(inverse)
    let held = this.done.reduce((sum, edit) => sum + edit.at.length, 0)
    while (held > this.limit && this.done.length > 1) {
      const { at, of } = this.done.shift()!
      held -= at.length
      if (of !== undefined) this.kept.push(of)
    }
  }

  undo(labels: Labels): boolean {
    return move(labels, this.done, this.undone)
  }

  redo(labels: Labels): boolean {
    return move(labels, this.undone, this.done)
  }

  /** Makes what is there now the beginning, behind which nothing leads back. What the edits came of stays in effect. */
  begin(): void {
    this.kept.push(...this.done.flatMap(({ of }) => (of === undefined ? [] : [of])))
    this.done = []
    this.undone = []
  }

  /** What the edits that are in effect came of, in order. */
  get origins(): unknown[] {
    return [...this.kept, ...this.done.flatMap(({ of }) => (of === undefined ? [] : [of]))]
  }

  get canUndo(): boolean {
    return this.done.length > 0
  }

  get canRedo(): boolean {
    return this.undone.length > 0
  }
}

function move(labels: Labels, from: Edit[], to: Edit[]): boolean {
  const edit = from.pop()
  if (edit) to.push(apply(labels, edit))
  return edit !== undefined
}
