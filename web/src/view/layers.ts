// What can be laid over the image: labels of the reference, of the prediction, of a correction, and where they differ.

import { texts } from '../texts.ts'
import type { Case, Correction, Image, Structure } from '../types.ts'
import { ADDED, errors, MISSED, SWAPPED, tally } from '../voxel/compare.ts'
import { voxelVolume } from '../voxel/grid.ts'
import type { Voxels } from '../voxel/nifti.ts'
import { memberships, Palette } from '../voxel/palette.ts'
import type { Shown } from './load.ts'
import { loadOn } from './load.ts'

export type Show = 'reference' | 'prediction' | 'errors' | 'correction' | 'none' | 'both'

/** Colours of errors, told apart also by colour-blind readers. */
export const ERROR_COLORS: Record<number, string> = { [MISSED]: '#0072b2', [ADDED]: '#d55e00', [SWAPPED]: '#f0e442' }

/** Colour of a value that no structure claims. */
export const UNCLAIMED = '#999999'

/** The label files of a case in slots of one palette. */
export class Layers {
  readonly palette: Palette
  reference: Uint8Array | null = null
  prediction: Uint8Array | null = null
  correction: Uint8Array | null = null
  /** Why its labels cannot be shown, where they cannot. */
  correctionProblem: string | null = null
  /** Slots that are not drawn. */
  readonly hidden = new Set<number>()
  /** Those that are not drawn at first: what the run does not segment. */
  usual: ReadonlySet<number> = new Set()
  private differing: Uint8Array | null = null
  private measured: number[] | null = null
  private readonly shown: Shown
  private readonly of: Case
  private readonly mask: number | null

  /** @param mask where structures overlap: the one structure that is shown, with slot 1 */
  constructor(shown: Shown, of: Case, mask: number | null) {
    this.shown = shown
    this.mask = mask
    this.of = of
    this.palette = new Palette(mask === null ? of.structures : [{ ...of.structures[mask], value: 1, values: [] }])
    if (mask !== null) return
    for (const { name, value } of of['other-structures'] ?? []) this.palette.add({ name, value, values: [value], color: this.palette.freshColor(), other: true })
  }

  /** Reads the label files. */
  async load(signal: AbortSignal): Promise<void> {
    const { reference, prediction, correction } = this.of
    const corrected = correction && this.readCorrection(correction, signal).catch((error: unknown) => {
      if (signal.aborted) throw error
      // Image and prediction are there nevertheless, and the correction can be withdrawn.
      this.correctionProblem = error instanceof Error ? error.message : String(error)
      return null
    })
    const [a, b, c] = await Promise.all([this.read(reference, signal), this.read(prediction, signal), corrected])
    this.reference = a
    this.prediction = b
    this.correction = c
    this.differing = null
    const drawn = [b, c].flatMap((slots) => (slots ? [tally(slots)] : []))
    this.usual = new Set(this.palette.slots.flatMap((_, slot) => (this.isOther(slot) && !drawn.some((counts) => counts[slot] > 0) ? [slot] : [])))
    for (const slot of this.usual) this.hidden.add(slot)
  }

  private async read(image: Image | null, signal: AbortSignal): Promise<Uint8Array | null> {
    if (!image) return null
    const own: Record<string, string> = this.mask !== null && image.masks ? { mask: String(this.mask) } : {}
    const { data } = await loadOn(this.shown, image, signal, own)
    return this.mask === null ? this.palette.slotsOf(data) : ofStructure(data, this.of.structures[this.mask], Boolean(image.masks))
  }

  /** The labels of a correction. */
  async readCorrection({ url }: Correction, signal: AbortSignal): Promise<Uint8Array> {
    const like = this.of.prediction ?? this.of.reference ?? this.of.images[0]
    return (await this.read({ ...like, name: texts.viewer.shows.correction, url, masks: null }, signal))!
  }

  /** Whether the run does not segment what a slot stands for. */
  isOther(slot: number): boolean {
    const { structure } = this.palette.slots[slot]
    return slot > 0 && (structure === null || structure.other === true)
  }

  /** Where prediction and reference differ, as the server counts: what the run does not segment is background. */
  get differences(): Uint8Array | null {
    if (!this.reference || !this.prediction || this.differing) return this.differing
    const { slots } = this.palette
    const own = this.mask === null ? this.of.structures.filter(({ added }) => !added) : [{ ...this.of.structures[this.mask], value: 1, values: [] }]
    const ignored = slots.findIndex(({ value }) => value === this.of['ignored-value'])
    this.differing = errors(this.reference, this.prediction, memberships(slots, own), this.mask !== null || ignored < 0 ? null : ignored)
    return this.differing
  }

  /** What there is to choose from. */
  get shows(): Show[] {
    const has: Record<Show, boolean> = {
      reference: this.reference !== null, prediction: this.prediction !== null, errors: this.differences !== null,
      correction: this.correction !== null, none: true, both: this.differences !== null,
    }
    return (Object.keys(has) as Show[]).filter((show) => has[show])
  }

  slots(show: Show): Uint8Array | null {
    if (show === 'errors') return this.differences
    if (show === 'none') return null
    return show === 'both' ? this.reference : this[show]
  }

  /** Red, green, blue, alpha of every slot. */
  colors(show: Show): Uint8ClampedArray {
    const out = new Uint8ClampedArray(1024)
    const put = (slot: number, hex: string, alpha: number): void => out.set([...[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)), alpha], 4 * slot)
    if (show === 'errors') {
      for (const [slot, color] of Object.entries(ERROR_COLORS)) put(Number(slot), color, 255)
      return out
    }
    this.palette.slots.forEach((slot, i) => { if (i > 0) put(i, slot.structure?.color ?? UNCLAIMED, this.hidden.has(i) ? 0 : 255) })
    return out
  }

  colorOf(structure: string): string {
    return this.palette.slots.find((slot) => slot.structure?.name === structure)?.structure?.color ?? UNCLAIMED
  }

  /** Name of what a slot stands for. */
  name(slot: number): string {
    const { structure, value } = this.palette.slots[slot]
    if (slot === 0) return texts.viewer.background
    return structure?.name ?? texts.viewer.unnamed(value)
  }

  /** Draws what a slot stands for, or leaves it out: with all of its slots. */
  hide(slot: number, hidden: boolean): void {
    for (const member of this.palette.members(slot)) this.hidden[hidden ? 'add' : 'delete'](member)
  }

  /** Volumes of the reference in mL by slot. */
  get referenceVolumes(): number[] | null {
    return this.measured ??= this.reference && this.volumes(this.reference)
  }

  /** Volumes in mL by slot. */
  volumes(slots: Uint8Array): number[] {
    const ml = voxelVolume(this.shown.orientation.display)
    return tally(slots).map((n) => n * ml)
  }

  /** Volume of what a slot stands for, of volumes by slot. */
  volumeOf(slot: number, volumes: number[]): number {
    return this.palette.members(slot).reduce((sum, member) => sum + volumes[member], 0)
  }
}

/** Ones where a structure is: in its mask, or in a label map in which several values stand for it. */
function ofStructure(data: Voxels, { value, values }: Structure, isMask: boolean): Uint8Array {
  const own = new Set([value, ...values])
  return Uint8Array.from(data, (each) => ((isMask ? each !== 0 : own.has(each)) ? 1 : 0))
}
