// The case viewer's state, and what follows from a change of it.

import type { Vec3 } from '../voxel/grid.ts'
import { index, toWorld } from '../voxel/grid.ts'
import { worstSlice } from '../voxel/compare.ts'
import { lookup } from '../voxel/edit.ts'
import { sliceInFile, sliceOnDisplay } from '../voxel/orient.ts'
import type { FileSlice } from '../route.ts'
import { texts } from '../texts.ts'
import type { Case } from '../types.ts'
import type { Layers, Show } from './layers.ts'
import type { Shown } from './load.ts'
import { loadOn, valueAt } from './load.ts'
import type { Preset, Window } from './presets.ts'
import { presetsOf, windowOf } from './presets.ts'
import type { Layout, Overlay } from './stage.ts'
import { Stage } from './stage.ts'

const PROBABILITIES: Window = { low: 0, high: 1 }

/** The only plane that a layout shows. */
const PLANES: Partial<Record<Layout, number>> = { axial: 2, coronal: 1, sagittal: 0 }

/** Makes room for a second canvas beside the first, and takes it away; a canvas whose stage was closed cannot be used again. */
export interface Beside {
  open: () => HTMLCanvasElement
  close: () => void
}

export class Viewer {
  show: Show
  layout: Layout = 'all'
  preset: Preset
  look = { opacity: 0.5, outlines: true, imageIn3D: false, neurological: false }
  private chosen = 2
  /** Labels that are being refined; they take the place of what `show` says. */
  draft: Uint8Array | null = null
  /** Called after every change that the panel shows. */
  changed: () => void = () => undefined
  private second: Stage | null = null
  /** The probability map that is shown, or on its way. */
  private probability: number | null = null
  private map: Overlay | null = null
  /** The window that was set here: another one was set with the mouse. */
  private given: Window
  readonly of: Case
  readonly shown: Shown
  readonly layers: Layers
  readonly stage: Stage
  private readonly beside: Beside
  /** Presets of grey values for the image, and the one that it begins with. */
  readonly presets: Preset[]
  readonly usual: Preset

  private constructor(of: Case, shown: Shown, layers: Layers, stage: Stage, presets: Preset[], beside: Beside) {
    this.of = of
    this.shown = shown
    this.layers = layers
    this.stage = stage
    this.presets = presets
    this.usual = presets[0]
    this.preset = presets[0]
    this.given = stage.window
    this.beside = beside
    this.show = (['prediction', 'reference', 'none'] as const).find((show) => layers.shows.includes(show))!
    stage.changed = () => this.moved()
  }

  static async open(of: Case, shown: Shown, layers: Layers, canvas: HTMLCanvasElement, beside: Beside): Promise<Viewer> {
    const presets = presetsOf(shown)
    const stage = await Stage.create(canvas, shown, windowOf(presets[0], shown))
    return new Viewer(of, shown, layers, stage, presets, beside)
  }

  /** The display axis across the slices that keys move through and paint in, and that operations work through one by one. */
  get plane(): number {
    return this.chosen
  }

  /** What is not seen is not chosen: it would be changed unseen. */
  set plane(axis: number) {
    this.chosen = PLANES[this.layout] ?? axis
  }

  private get stages(): Stage[] {
    return this.second ? [this.stage, this.second] : [this.stage]
  }

  /** Draws labels and colours anew. */
  draw(): void {
    const { firsts } = this.layers.palette
    const isMap = !this.draft && this.show === 'errors'
    this.stage.setLabels(this.draft ?? this.layers.slots(this.show), isMap ? null : firsts)
    this.stage.setColors(this.layers.colors(this.draft ? 'none' : this.show))
    if (this.second) {
      this.second.setLabels(this.layers.prediction, firsts)
      this.second.setColors(this.layers.colors('prediction'))
    }
    this.drawLook()
    this.changed()
  }

  /** Labels are outlines while a map is shown: two colours at one place would be taken for one. */
  private drawLook(): void {
    const look = this.map ? { ...this.look, opacity: 0 } : this.look
    for (const stage of this.stages) stage.setLook({ ...look, labelsIn3D: this.map === null })
  }

  async setShow(show: Show): Promise<void> {
    if (!this.layers.shows.includes(show)) return
    this.show = show
    if (show === 'both' && !this.second && !this.draft) await this.openSecond()
    if (show !== 'both' || this.draft) this.closeSecond()
    this.draw()
  }

  private async openSecond(): Promise<void> {
    const second = await Stage.create(this.beside.open(), this.shown, this.stage.window)
    second.setLayout(this.layout)
    if (this.map) await second.setOverlay(this.shown, this.map, PROBABILITIES)
    second.follow(this.stage)
    this.second = second
    second.changed = () => {
      this.stage.changed = () => undefined
      this.stage.follow(second)
      this.stage.changed = () => this.moved()
      this.changed()
    }
  }

  closeSecond(): void {
    this.second?.close()
    this.second = null
    this.beside.close()
  }

  /** Lets the second canvas follow turns and zooms, which NiiVue does not announce. */
  follow(): void {
    this.second?.follow(this.stage)
  }

  private moved(): void {
    const { low: from, high: to } = this.stage.window
    if (from !== this.given.low || to !== this.given.high) this.preset = 'own'
    const second = this.second
    if (second) {
      const { changed } = second
      second.changed = () => undefined
      second.follow(this.stage)
      const { low, high } = this.stage.window
      if (second.window.low !== low || second.window.high !== high) second.window = { low, high }
      second.changed = changed
    }
    this.changed()
  }

  setLook(look: Partial<Viewer['look']>): void {
    Object.assign(this.look, look)
    this.drawLook()
    this.changed()
  }

  setLayout(layout: Layout): void {
    this.layout = layout
    this.plane = this.chosen
    for (const stage of this.stages) stage.setLayout(layout)
    this.changed()
  }

  setPreset(preset: Preset): void {
    this.preset = preset
    if (preset !== 'own') this.setWindow(windowOf(preset, this.shown), preset)
    else this.changed()
  }

  setWindow(window: Window, preset: Preset = 'own'): void {
    this.preset = preset
    for (const stage of this.stages) stage.window = window
    this.given = this.stage.window
    this.changed()
  }

  setHidden(slot: number, hidden: boolean): void {
    this.layers.hide(slot, hidden)
    this.draw()
  }

  /** Lays a probability map over the image, or takes it away. */
  async setProbability(at: number | null, signal: AbortSignal): Promise<void> {
    const before = this.probability
    this.probability = at
    let map: Overlay | null
    try {
      map = at === null ? null : await loadOn(this.shown, this.of.probabilities[at], signal)
    } catch (error) {
      if (this.probability === at) this.probability = before
      throw error
    }
    // Another one was chosen meanwhile.
    if (this.probability !== at) return
    this.map = map
    for (const stage of this.stages) await stage.setOverlay(this.shown, map, PROBABILITIES)
    this.draw()
  }

  /** The probability map that is shown: its place among those of the case, its structure, and its value at the crosshair once it is there. */
  get chosenMap(): { at: number; structure: string; value: number | null } | null {
    const { probability: at, map } = this
    if (at === null) return null
    return { at, structure: this.of.probabilities[at].structure, value: map && map.slope * map.data[this.at] + map.intercept }
  }

  /** The voxel at the crosshair, in display order. */
  get position(): Vec3 {
    return this.stage.position
  }

  moveTo(point: Vec3): void {
    this.stage.position = point
    this.moved()
  }

  move(axis: number, steps: number): void {
    const point = this.position
    point[axis] += steps
    this.moveTo(point)
  }

  /** Slices through the crosshair, counted as in the file; that of the chosen pane first. */
  get slices(): FileSlice[] {
    const order = [this.plane, ...[2, 1, 0].filter((axis) => axis !== this.plane)]
    return order.map((axis) => sliceInFile(this.shown.orientation, axis, this.position[axis]))
  }

  /** Goes to slices counted as in the file; false if the image has no such slice, and then stays. */
  goTo(slices: FileSlice[]): boolean {
    const { file, display } = this.shown.orientation
    if (slices.some(({ axis, slice }) => slice >= file.dims[axis])) return false
    const point = this.position
    for (const { axis, slice } of slices) {
      const own = sliceOnDisplay(this.shown.orientation, axis, slice)
      point[own.axis] = Math.min(display.dims[own.axis] - 1, own.slice)
    }
    if (slices.length > 0) this.plane = sliceOnDisplay(this.shown.orientation, slices[0].axis, 0).axis
    this.moveTo(point)
    return true
  }

  /** Goes to the slice with most errors: the server's, where it gives one, else that of the axial planes. */
  goToWorst(): string {
    const { of: { worst }, shown: { orientation } } = this
    const { dims } = orientation.display
    const axis = worst && 'xyz'.indexOf(worst.axis)
    if (axis !== null) this.goTo([{ axis, slice: worst!.slice }])
    // It may lie across an axis whose slices are not shown.
    const plane = axis === null ? this.plane : sliceOnDisplay(orientation, axis, 0).axis
    const marked = this.layers.differences
    const found = marked && worstSlice(marked, dims, plane)
    if (!found) return texts.viewer.noErrors
    const point = this.position
    if (!worst) point[plane] = found.slice
    this.moveTo(middle(marked, dims, plane, point[plane]) ?? point)
    return texts.viewer.worstAt(texts.viewer.axes[plane], sliceInFile(orientation, plane, point[plane]).slice, worst?.errors ?? found.voxels)
  }

  /** Goes to the middle of a structure in the labels that are shown. */
  goToStructure(slot: number): void {
    const { reference, prediction } = this.layers
    const all = [this.draft ?? this.layers.slots(this.show === 'errors' ? 'reference' : this.show), prediction, reference]
    const { dims } = this.shown.orientation.display
    // What the run does not segment is in the reference alone.
    const own = lookup(this.layers.palette.members(slot))
    const slots = all.find((each) => each?.some((at) => own[at] === 1))
    const marked = slots?.map((each) => own[each])
    const largest = marked && worstSlice(marked, dims, 2)
    if (marked && largest) this.moveTo(middle(marked, dims, 2, largest.slice) ?? this.position)
  }

  get world(): Vec3 {
    return toWorld(this.shown.orientation.display, this.position)
  }

  /** Null where the image is gone. */
  get value(): number | null {
    return this.shown.isBlank ? null : valueAt(this.shown, this.at)
  }

  /** Position of the crosshair's voxel in arrays. */
  get at(): number {
    return index(this.shown.orientation.display.dims, this.position)
  }

  /** One picture of all canvases, with a line below that says what it shows; `over` draws on the first one, in its pixels on the page. */
  async picture(caption: string, over: (context: CanvasRenderingContext2D) => void): Promise<Blob> {
    const pictures = await Promise.all((await Promise.all(this.stages.map((stage) => stage.picture()))).map((blob) => createImageBitmap(blob)))
    const line = 26
    const canvas = document.createElement('canvas')
    canvas.width = pictures.reduce((sum, { width }) => sum + width, 0)
    canvas.height = Math.max(...pictures.map(({ height }) => height)) + line
    const context = canvas.getContext('2d')!
    context.fillStyle = '#000'
    context.fillRect(0, 0, canvas.width, canvas.height)
    let x = 0
    for (const picture of pictures) {
      context.drawImage(picture, x, 0)
      x += picture.width
    }
    const { scale } = this.stage
    context.save()
    context.scale(scale, scale)
    over(context)
    context.restore()
    context.fillStyle = '#fff'
    context.font = '13px system-ui, sans-serif'
    context.fillText(caption, 8, canvas.height - 9, canvas.width - 16)
    return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(texts.errors.noLabels)))))
  }

  close(): void {
    for (const stage of this.stages) stage.close()
    this.second = null
  }
}

/** The marked voxel of a slice that lies nearest to the middle of all its marked voxels. */
function middle(marked: Uint8Array, dims: Vec3, plane: number, slice: number): Vec3 | null {
  const points: Vec3[] = []
  const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
  for (let j = 0; j < dims[v]; j++) {
    for (let i = 0; i < dims[u]; i++) {
      const point: Vec3 = [0, 0, 0]
      point[plane] = slice
      point[u] = i
      point[v] = j
      if (marked[index(dims, point)]) points.push(point)
    }
  }
  if (points.length === 0) return null
  const mean = [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length)
  const far = (point: Vec3): number => point.reduce((sum, value, axis) => sum + (value - mean[axis]) ** 2, 0)
  return points.reduce((best, point) => (far(point) < far(best) ? point : best))
}
