// The labels that are being refined, and everything that changes them. Every change goes through `commit`, so that it can be undone.

import { texts } from '../texts.ts'
import type { Click, Correction, Structure } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import { interpolate } from '../voxel/between.ts'
import type { Rule } from '../voxel/brush.ts'
import { allowed, line } from '../voxel/brush.ts'
import type { Edit, Labels } from '../voxel/edit.ts'
import { apply, empty, History, joinInverses, toValue } from '../voxel/edit.ts'
import { fillHoles, flood, keepLargest, threshold } from '../voxel/fill.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { index } from '../voxel/grid.ts'
import { smooth } from '../voxel/smooth.ts'

export type Base = 'prediction' | 'reference' | 'empty' | 'correction'
export type Tool = 'brush' | 'ball' | 'erase' | 'fill' | 'click'

/** What a correction is recorded to be drawn upon. */
export type Upon = NonNullable<Correction['base']>

/** What labels began with. Replacing them by another start is an edit that comes of this: undoing it brings back the start before, too, and
 * clicks before it are over. */
class Start {
  readonly base: Base
  readonly upon: Upon

  constructor(base: Base, upon: Upon) {
    this.base = base
    this.upon = upon
  }
}

const t = texts.refine

export class Editor {
  tool: Tool = 'brush'
  /** In mm. */
  radius = 5
  /** The slot that is painted. */
  slot: number
  over: 'any' | 'background' = 'any'
  eraseOnly = true
  eraseBall = false
  /** Image values that brushes are restricted to; null: any. */
  range: { from: number; to: number } | null = null
  fillInSpace = false
  /** Structures that the server does not know yet. */
  readonly added: Structure[] = []
  /** Called when a tool was chosen. */
  chosen: (tool: Tool) => void = () => undefined
  /** Lets the network follow a click at a voxel; `negative`: background is there. */
  click: (at: Vec3, negative: boolean) => void = () => undefined
  /** Called after every change of the labels. */
  edited: () => void = () => undefined
  private readonly labels: Labels
  private readonly history = new History()
  private stroke: Edit[] | null = null
  private readonly viewer: Viewer
  private readonly first: Start
  /** The correction that there was when refining began: what is saved later does not change it. */
  private earlier: { slots: Uint8Array; upon: Upon } | null

  constructor(viewer: Viewer, base: Base) {
    this.viewer = viewer
    const { layers: { correction, palette }, of } = viewer
    this.earlier = correction && { slots: correction, upon: of.correction?.base ?? (of.prediction ? 'prediction' : 'empty') }
    this.labels = empty(viewer.shown.orientation.display)
    this.labels.data.set(this.start(base))
    this.first = new Start(base, this.upon(base))
    const first = palette.slots.findIndex(({ structure }) => structure !== null && !structure.other)
    if (first < 0) throw new Error(texts.errors.noLabels)
    this.slot = first
  }

  get slots(): Uint8Array {
    return this.labels.data
  }

  private of(base: Base): Uint8Array | null {
    return base === 'correction' ? this.earlier?.slots ?? null : base === 'empty' ? null : this.viewer.layers[base]
  }

  private start(base: Base): Uint8Array {
    return this.of(base) ?? new Uint8Array(this.labels.data.length)
  }

  /** An earlier correction goes on upon its own base. */
  private upon(base: Base): Upon {
    return base === 'correction' ? this.earlier!.upon : base
  }

  private get begun(): Start {
    return this.history.origins.findLast((of) => of instanceof Start) ?? this.first
  }

  /** What the labels started from. */
  get base(): Base {
    return this.begun.base
  }

  /** What a correction with these labels is drawn upon. */
  get drawnUpon(): Upon {
    return this.begun.upon
  }

  /** What one can start from. */
  get bases(): Base[] {
    return (['prediction', 'reference', 'correction', 'empty'] as const).filter((base) => base === 'empty' || this.of(base) !== null)
  }

  /** Replaces the labels by those of another start, as an edit that can be undone. */
  restart(base: Base): void {
    this.commit({ ...difference(this.slots, this.start(base)), of: new Start(base, this.upon(base)) })
  }

  /** Puts what was changed since some labels on top of a correction that somebody else saved, as an edit that can be undone. */
  adopt(theirs: Uint8Array, upon: Upon, since: Uint8Array): string {
    this.earlier = { slots: theirs, upon }
    const wanted = this.slots.map((slot, i) => (slot === since[i] ? theirs[i] : slot))
    return this.commit({ ...difference(this.slots, wanted), of: new Start('correction', upon) })
  }

  choose(tool: Tool): void {
    this.tool = tool
    this.chosen(tool)
  }

  /** The clicks whose results are in effect, in order. */
  get clicks(): Click[] {
    const { origins } = this.history
    return origins.slice(origins.findLastIndex((of) => of instanceof Start) + 1) as Click[]
  }

  /** Takes over what a network made of labels that were sent to it, where nobody changed them meanwhile; says what came of it, and whether
   * the clicked voxel became what the click says. */
  merge(sent: Uint8Array, found: Uint8Array, click: Click, at: Vec3): { text: string; followed: boolean } {
    const { layers } = this.viewer
    const wanted = this.slots.map((slot, i) => (slot === sent[i] ? found[i] : slot))
    const edit = difference(this.slots, wanted)
    const isOwn = layers.palette.slots.map((_, slot) => layers.name(slot) === click.structure)
    const others = edit.at.reduce((n, i) => n + (isOwn[this.slots[i]] || isOwn[wanted[i]] ? 0 : 1), 0)
    const changed = `${this.commit({ ...edit, of: click })} ${t.clickOthers(others)}`
    const here = this.slots[index(this.labels.grid.dims, at)]
    const followed = isOwn[here] === click.positive
    const missed = click.positive ? t.clickMissed(click.structure, layers.name(here)) : t.clickKept(click.structure)
    return { text: (followed ? changed : `${missed} ${changed}`).trim(), followed }
  }

  /** Brushes along a line in voxels; `plane` is the axis across the slice under the pointer. */
  brush(from: Vec3, to: Vec3, plane: number): void {
    const erases = this.tool === 'erase'
    const ball = this.tool === 'ball' || (erases && this.eraseBall)
    const reached = line(this.labels.grid, from, to, this.radius, ball ? null : plane)
    const edit = toValue(this.labels, allowed(this.labels, reached, this.rule(erases)), erases ? 0 : this.slot)
    if (edit.at.length === 0) return
    const inverse = apply(this.labels, edit)
    if (this.stroke) this.stroke.push(inverse)
    else this.history.push(inverse)
    this.show(edit)
  }

  private rule(erases: boolean): Rule {
    const { slope, intercept, voxels } = this.viewer.shown
    const stored = this.range && [this.range.from, this.range.to].map((v) => (v - intercept) / slope).sort((a, b) => a - b)
    const range = stored && { image: voxels, from: stored[0], to: stored[1] }
    if (erases) return { only: this.eraseOnly ? this.slot : null, range }
    return { only: this.over === 'background' ? 0 : null, range }
  }

  beginStroke(): void {
    this.stroke = []
  }

  /** Ends a stroke: all of it is undone at once. */
  endStroke(): void {
    const parts = this.stroke
    this.stroke = null
    if (!parts || parts.length === 0) return
    this.history.push(joinInverses(parts))
    this.edited()
  }

  /** Fills from a voxel; says why not, if not. */
  fill(at: Vec3, plane: number): string | null {
    const { edit, open } = flood(this.labels, at.map(Math.round) as Vec3, this.slot, this.fillInSpace ? null : plane)
    if (open) return t.open
    return this.commit(edit)
  }

  /** An operation on the whole chosen structure; says what came of it. */
  whole(operation: 'holes' | 'holesSlice' | 'largest' | 'interpolate' | 'threshold'): string {
    const { labels, slot, viewer: { plane } } = this
    switch (operation) {
      case 'holes': return this.commit(fillHoles(labels, slot, null))
      case 'holesSlice': return this.commit(fillHoles(labels, slot, plane))
      case 'interpolate': return this.commit(interpolate(labels, slot, plane))
      case 'threshold': {
        const range = this.rule(false).range
        return range ? this.commit(threshold(labels, slot, range.image, range.from, range.to)) : t.noRange
      }
      case 'largest': {
        const { edit, pieces } = keepLargest(labels, slot)
        this.commit(edit)
        return t.pieces(pieces)
      }
    }
  }

  smooth(sigma: number): string {
    return this.commit(smooth(this.labels, this.slot, sigma))
  }

  undo(): void {
    if (this.history.undo(this.labels)) this.show(null, true)
  }

  redo(): void {
    if (this.history.redo(this.labels)) this.show(null, true)
  }

  get canUndo(): boolean {
    return this.history.canUndo
  }

  get canRedo(): boolean {
    return this.history.canRedo
  }

  /** A structure of its own with the next free value; says what is wrong with the name, if something is. */
  addStructure(name: string, color: string): string | null {
    const { palette } = this.viewer.layers
    if (name === '') return t.nameMissing
    if (palette.slots.some((slot) => slot.structure?.name === name)) return t.nameTaken(name)
    const value = palette.freeValue(this.viewer.of['taken-values'])
    const structure = { name, value, values: [value], color, added: true }
    this.slot = palette.add(structure)
    this.added.push(structure)
    return null
  }

  private commit(edit: Edit): string {
    if (edit.at.length === 0 && edit.of === undefined) return t.unchanged
    this.history.push(apply(this.labels, edit))
    this.show(edit, true)
    return edit.at.length === 0 ? t.unchanged : t.changed(edit.at.length)
  }

  /** Brings the picture up to date: the slices that an edit touches, or all. */
  private show(edit: Edit | null, done = false): void {
    const plane = this.labels.grid.dims[0] * this.labels.grid.dims[1]
    let [from, to] = [Infinity, -Infinity]
    for (const at of edit?.at ?? []) {
      const z = Math.floor(at / plane)
      if (z < from) from = z
      if (z > to) to = z
    }
    if (edit && edit.at.length > 0) this.viewer.stage.refreshLabels(from, to)
    else if (!edit) this.viewer.stage.refreshLabels()
    if (done) this.edited()
  }
}

/** The edit that makes one label map into another. */
function difference(from: Uint8Array, wanted: Uint8Array): Edit {
  let n = 0
  for (let i = 0; i < wanted.length; i++) if (wanted[i] !== from[i]) n++
  const edit = { at: new Uint32Array(n), to: new Uint8Array(n) }
  n = 0
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === from[i]) continue
    edit.at[n] = i
    edit.to[n++] = wanted[i]
  }
  return edit
}
