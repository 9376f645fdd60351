// The labels that are being refined, and everything that changes them. Every change goes through `commit`, so that it can be undone.

import { texts } from '../texts.ts'
import type { Case, Click, Upon } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import { interpolate } from '../voxel/between.ts'
import type { Rule } from '../voxel/brush.ts'
import { allowed, line } from '../voxel/brush.ts'
import { tally } from '../voxel/compare.ts'
import type { Edit, Labels, Members } from '../voxel/edit.ts'
import { apply, empty, History, joinInverses, toStructure } from '../voxel/edit.ts'
import { fillHoles, flood, keepLargest, threshold } from '../voxel/fill.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { index } from '../voxel/grid.ts'
import { smooth } from '../voxel/smooth.ts'
import { nameFault } from './names.ts'

export type Base = 'prediction' | 'reference' | 'empty' | 'correction'
export type Tool = 'brush' | 'ball' | 'erase' | 'fill' | 'click'

/** What the correction of a case was drawn upon. */
export function uponOf({ correction, prediction }: Pick<Case, 'correction' | 'prediction'>): Upon {
  const base = correction?.base ?? (prediction ? 'prediction' : 'empty')
  return { base, prediction: base === 'prediction' ? correction?.prediction ?? null : null }
}

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

/** Most structures that the server lets be added to a run. */
const MOST_ADDED = 50
const BACKGROUND: Members = [0]
const t = texts.refine

export class Editor {
  tool: Tool = 'brush'
  /** In mm. */
  radius = 5
  /** The slot that is painted: that of the chosen structure's own value. */
  slot: number
  over: 'any' | 'background' = 'any'
  eraseOnly = true
  eraseBall = false
  /** Image values that brushes are restricted to; null: any. */
  range: { from: number; to: number } | null = null
  fillInSpace = false
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
    this.earlier = correction && { slots: correction, upon: uponOf(of) }
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

  /** All slots of the chosen structure. */
  private get members(): Members {
    return this.viewer.layers.palette.members(this.slot)
  }

  private of(base: Base): Uint8Array | null {
    return base === 'correction' ? this.earlier?.slots ?? null : base === 'empty' ? null : this.viewer.layers[base]
  }

  private start(base: Base): Uint8Array {
    return this.of(base) ?? new Uint8Array(this.labels.data.length)
  }

  /** An earlier correction goes on upon its own base. */
  private upon(base: Base): Upon {
    if (base === 'correction') return this.earlier!.upon
    return { base, prediction: base === 'prediction' ? this.viewer.of.prediction?.id ?? null : null }
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

  /** Whether another start would take something away that a person made: here, or in an earlier correction. */
  get holdsWork(): boolean {
    return this.base === 'correction' || difference(this.slots, this.start(this.base)).at.length > 0
  }

  /** Replaces the labels by those of another start, as an edit that can be undone. */
  restart(base: Base): void {
    this.commit({ ...difference(this.slots, this.start(base)), of: new Start(base, this.upon(base)) })
  }

  /** Puts what was changed since some labels on top of a correction that somebody else saved. Undo does not lead back behind it: what was
   * before holds nothing of theirs, and would be saved in place of it, unasked. */
  adopt(theirs: Uint8Array, upon: Upon, since: Uint8Array): string {
    const may = this.allowedUpon(upon.base)
    const left = new Set<number>()
    this.earlier = { slots: theirs, upon }
    const wanted = this.slots.map((slot, i) => {
      if (slot === since[i]) return theirs[i]
      if (may[slot]) return slot
      left.add(slot)
      return theirs[i]
    })
    const done = this.commit({ ...difference(this.slots, wanted), of: new Start('correction', upon) })
    this.history.begin()
    const names = [...left].map((slot) => this.viewer.layers.name(slot))
    return names.length > 0 ? `${done} ${t.leftOut(names.join(', '))}` : done
  }

  /** Which slots the server takes in a correction upon some labels: what the run segments, what was added, and what those labels have. */
  private allowedUpon(upon: Upon['base']): boolean[] {
    const { layers: { palette }, of } = this.viewer
    const base = this.of(upon)
    const there = base && tally(base)
    return palette.slots.map(({ value, structure }, slot) => {
      const isOwn = structure !== null && !structure.other
      return slot === 0 || isOwn || value === of['ignored-value'] || (there !== null && there[slot] > 0)
    })
  }

  choose(tool: Tool): void {
    this.tool = tool
    this.chosen(tool)
  }

  /** Whether the tool works in one slice. */
  get isFlat(): boolean {
    return { brush: true, ball: false, erase: !this.eraseBall, fill: !this.fillInSpace, click: false }[this.tool]
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
    const { firsts } = layers.palette
    // The network has one value for a structure that was merged from several: what stays in it keeps its own.
    const wanted = this.slots.map((slot, i) => (slot === sent[i] && firsts[found[i]] !== firsts[slot] ? found[i] : slot))
    const edit = difference(this.slots, wanted)
    const isOwn = layers.palette.slots.map((_, slot) => layers.name(slot) === click.structure)
    const others = edit.at.reduce((n, i) => n + (isOwn[this.slots[i]] || isOwn[wanted[i]] ? 0 : 1), 0)
    const changed = `${this.commit({ ...edit, of: click })} ${t.clickOthers(others)}`
    const here = this.slots[index(this.labels.grid.dims, at)]
    const followed = isOwn[here] === click.positive
    const missed = click.positive ? t.clickMissed(click.structure, layers.name(here)) : t.clickKept(click.structure)
    return { text: (followed ? changed : `${missed} ${changed}`).trim(), followed }
  }

  /** Brushes along a line in voxels, as part of a stroke; `plane` is the axis across the slice under the pointer. */
  brush(from: Vec3, to: Vec3, plane: number): void {
    if (!this.stroke) return
    const erases = this.tool === 'erase'
    const ball = this.tool === 'ball' || (erases && this.eraseBall)
    const reached = line(this.labels.grid, from, to, this.radius, ball ? null : plane)
    const edit = toStructure(this.labels, allowed(this.labels, reached, this.rule(erases)), erases ? BACKGROUND : this.members)
    if (edit.at.length === 0) return
    this.stroke.push(apply(this.labels, edit))
    this.show(edit)
  }

  private rule(erases: boolean): Rule {
    const { slope, intercept, voxels } = this.viewer.shown
    const stored = this.range && [this.range.from, this.range.to].map((v) => (v - intercept) / slope).sort((a, b) => a - b)
    const range = stored && { image: voxels, from: stored[0], to: stored[1] }
    if (erases) return { only: this.eraseOnly ? this.members : null, range }
    return { only: this.over === 'background' ? BACKGROUND : null, range }
  }

  /** Begins a stroke, unless there is one under way: that belongs to who began it. */
  beginStroke(): boolean {
    if (this.stroke) return false
    this.stroke = []
    return true
  }

  /** Whether a stroke is under way. */
  get isDrawing(): boolean {
    return this.stroke !== null
  }

  /** Ends a stroke: all of it is undone at once. */
  endStroke(): void {
    const hasDrawn = this.stroke !== null && this.stroke.length > 0
    this.cutStroke()
    this.stroke = null
    if (hasDrawn) this.edited()
  }

  /** Gives a stroke up: nothing of it stays, and it is no step. */
  dropStroke(): void {
    if (!this.stroke) return
    const back = joinInverses(this.stroke)
    this.stroke = null
    apply(this.labels, back)
    this.show(back)
  }

  /** Makes what was drawn of a stroke a step of its own: another edit comes, and undo takes them back in turn. */
  private cutStroke(): void {
    if (!this.stroke) return
    this.history.push(joinInverses(this.stroke))
    this.stroke = []
  }

  /** Fills from a voxel; says why not, if not. */
  fill(at: Vec3, plane: number): string | null {
    const { dims } = this.labels.grid
    const from = at.map((v, axis) => Math.min(dims[axis] - 1, Math.max(0, Math.round(v)))) as Vec3
    const around = this.viewer.layers.palette.members(this.slots[index(dims, from)])
    const { edit, open } = flood(this.labels, from, around, this.members, this.fillInSpace ? null : plane)
    if (open) return t.open
    return this.commit(edit)
  }

  /** An operation on the whole chosen structure; says what came of it. */
  whole(operation: 'holes' | 'holesSlice' | 'largest' | 'interpolate' | 'threshold'): string {
    const { labels, members, viewer: { plane } } = this
    switch (operation) {
      case 'holes': return this.commit(fillHoles(labels, members, null))
      case 'holesSlice': return this.commit(fillHoles(labels, members, plane))
      case 'interpolate': return this.commit(interpolate(labels, members, plane))
      case 'threshold': {
        const range = this.rule(false).range
        return range ? this.commit(threshold(labels, members, range.image, range.from, range.to)) : t.noRange
      }
      case 'largest': {
        const { edit, pieces } = keepLargest(labels, members)
        this.commit(edit)
        return t.pieces(pieces)
      }
    }
  }

  smooth(sigma: number): string {
    return this.commit(smooth(this.labels, this.members, sigma))
  }

  /** Nothing while a stroke is under way: it is no step yet, and what it was drawn upon would go from below it. */
  undo(): void {
    if (!this.stroke && this.history.undo(this.labels)) this.show(null, true)
  }

  redo(): void {
    if (!this.stroke && this.history.redo(this.labels)) this.show(null, true)
  }

  get canUndo(): boolean {
    return this.history.canUndo
  }

  get canRedo(): boolean {
    return this.history.canRedo
  }

  /** A structure of its own with the next free value; says what is wrong with the name, if something is. */
  addStructure(name: string, color: string): string | null {
    const { layers: { palette }, of } = this.viewer
    const here = palette.slots.flatMap(({ structure }) => structure ?? [])
    const namesOf = (all: { name: string }[] = []): string[] => all.map((each) => each.name)
    const others = namesOf(of['other-structures'])
    const wrong = nameFault(name, namesOf([...here, ...of.structures]).filter((each) => !others.includes(each)), of['taken-names'], others)
    if (wrong) return wrong
    if (here.filter(({ added }) => added).length >= MOST_ADDED) return t.tooMany(MOST_ADDED)
    const value = palette.freeValue(of['taken-values'])
    this.slot = palette.add({ name, value, values: [value], color, added: true })
    return null
  }

  private commit(edit: Edit): string {
    if (edit.at.length === 0 && edit.of === undefined) return t.unchanged
    this.cutStroke()
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
