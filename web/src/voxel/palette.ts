// Label values of files (up to 16 bits) and the 255 slots in which the page shows and edits them.

import { tally } from './compare.ts'
import type { Members } from './edit.ts'
import type { Voxels } from './nifti.ts'

export interface Structure {
  name: string
  value: number
  /** All values that stand for it; `value` is written. */
  values: number[]
  /** `#rrggbb` */
  color: string
  /** Whether a person added it: no network knows it. */
  added?: boolean
  /** Whether the dataset has it and the run does not segment it. */
  other?: boolean
}

/** One value of the label files. Slot 0 is background. */
export interface Slot {
  value: number
  /** The structure whose value it is; null for a value that none claims. */
  structure: Structure | null
}

/** Which structures each slot is part of, as a number: equal numbers stand for the same structures, 0 for none. Structures may share values,
 * and values that none of these has are background. */
export function memberships(slots: Slot[], structures: Structure[]): Uint8Array {
  const numbers = new Map([['', 0]])
  const out = new Uint8Array(256)
  slots.forEach(({ value }, slot) => {
    const own = structures.flatMap((structure, i) => (structure.value === value || structure.values.includes(value) ? [i] : [])).join()
    if (!numbers.has(own)) numbers.set(own, numbers.size)
    out[slot] = numbers.get(own)!
  })
  return out
}

/** Colours of Okabe and Ito (2008), without black. */
const OKABE_ITO = ['#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#f0e442', '#0072b2', '#d55e00']

export class Palette {
  readonly slots: Slot[] = [{ value: 0, structure: null }]
  private readonly bySlot = new Map<number, number>([[0, 0]])

  constructor(structures: Structure[]) {
    for (const structure of structures) this.add(structure)
  }

  /** Gives a structure its slots. The first structure that claims a value keeps it; its own `value` comes before further `values`. */
  add(structure: Structure): number {
    for (const value of [structure.value, ...structure.values]) this.slotOf(value, structure)
    return this.bySlot.get(structure.value)!
  }

  private slotOf(value: number, structure: Structure | null): number {
    const known = this.bySlot.get(value)
    if (known !== undefined) {
      // A value that was only in files so far has a meaning now.
      if (known > 0 && this.slots[known].structure === null) this.slots[known] = { value, structure }
      return known
    }
    if (this.slots.length > 255) throw new Error('the labels have more than 255 values: the page cannot show them together')
    this.slots.push({ value, structure })
    this.bySlot.set(value, this.slots.length - 1)
    return this.slots.length - 1
  }

  /** Lets the slots of structures stand for other structures, with their values. Labels keep their slots. */
  change(changes: ReadonlyMap<Structure, Structure>): void {
    if (changes.size === 0) return
    this.slots.forEach(({ structure }, slot) => {
      const other = structure && changes.get(structure)
      if (other) this.slots[slot] = { value: other.value, structure: other }
    })
    this.bySlot.clear()
    this.slots.forEach(({ value }, slot) => {
      const first = this.bySlot.get(value)
      if (first === undefined || this.slots[first].structure === null) this.bySlot.set(value, slot)
    })
    // Of a value that was only in files so far, and that one of the others has.
    this.slots.forEach(({ value, structure }, slot) => {
      if (slot > 0 && structure === null) this.slots[slot] = this.slots[this.bySlot.get(value)!]
    })
  }

  /** The slots of values as they are now: for labels that are made of them and come back later, when the values may have changed. */
  get numbering(): ReadonlyMap<number, number> {
    return new Map(this.bySlot)
  }

  /** Slots of the voxels of a label file. Values that no structure claims get slots of their own.
   * @param numbering that of the time when the values were given */
  slotsOf(data: Voxels, numbering: ReadonlyMap<number, number> = this.bySlot): Uint8Array {
    const out = new Uint8Array(data.length)
    let last = 0
    let slot = 0
    for (let i = 0; i < data.length; i++) {
      if (data[i] !== last) {
        last = data[i]
        if (!Number.isInteger(last) || last < 0 || last > 65535) throw new Error(`${last} is not a label value`)
        slot = numbering.get(last) ?? this.slotOf(last, null)
      }
      out[i] = slot
    }
    return out
  }

  /** Label values of slots: the inverse of `slotsOf`. */
  valuesOf(slots: Uint8Array): Uint8Array | Uint16Array {
    const values = this.slots.map((slot) => slot.value)
    const wide = values.some((value) => value > 255)
    const out = wide ? new Uint16Array(slots.length) : new Uint8Array(slots.length)
    for (let i = 0; i < slots.length; i++) out[i] = values[slots[i]]
    return out
  }

  /** Structures that a person added and of which labels have a voxel. */
  addedIn(labels: Uint8Array): Structure[] {
    const there = tally(labels)
    return [...new Set(this.slots.flatMap(({ structure }, slot) => (structure?.added && there[slot] > 0 ? [structure] : [])))]
  }

  /** The slot that a structure is drawn with. */
  slot(structure: Structure): number {
    return this.bySlot.get(structure.value) ?? 0
  }

  /** For each slot the first one of what it stands for. Structures that were merged from several have one slot for each of their values, that of
   * `value` first. */
  get firsts(): Uint8Array {
    const known = new Map<Structure, number>()
    const out = new Uint8Array(256)
    this.slots.forEach(({ structure }, slot) => {
      if (structure && !known.has(structure)) known.set(structure, slot)
      out[slot] = structure ? known.get(structure)! : slot
    })
    return out
  }

  /** All slots of what a slot stands for. */
  members(slot: number): Members {
    const { firsts } = this
    return this.slots.flatMap((_, other) => (firsts[other] === firsts[slot] ? [other] : []))
  }

  /** A colour for a new structure: of those that colour-blind readers tell apart, the one least like those in use. */
  freshColor(): string {
    const parts = (color: string): number[] => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))
    const used = this.slots.flatMap(({ structure }) => (structure ? [parts(structure.color)] : []))
    const nearest = (color: string): number => Math.min(Infinity, ...used.map((other) => Math.hypot(...parts(color).map((v, i) => v - other[i]))))
    return OKABE_ITO.reduce((best, color) => (nearest(color) > nearest(best) ? color : best))
  }

  /** A value for a new structure: the smallest above those in use and those that are taken elsewhere, or else the smallest that is free. */
  freeValue(taken: number[] = []): number {
    const used = new Set([...this.slots.map((slot) => slot.value), ...taken])
    const above = Math.max(...used) + 1
    if (above <= 65535) return above
    let value = 1
    while (used.has(value)) value++
    return value
  }
}
