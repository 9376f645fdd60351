// One canvas with NiiVue. Everything is given and asked in voxels of the display grid; NiiVue gets copies with straight axes, so that its
// slices are the voxel planes and it has nothing to reorder. Labels are NiiVue's drawing layer, which keeps voxels sharp.

import { DRAG_MODE, MULTIPLANAR_TYPE, NVImage, SHOW_RENDER, SLICE_TYPE } from '@niivue/niivue'
import { texts } from '../texts.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { spacing } from '../voxel/grid.ts'
import type { Voxels } from '../voxel/nifti.ts'
import { write } from '../voxel/nifti.ts'
import type { Shown } from './load.ts'
import { Panes } from './panes.ts'
import type { Window } from './presets.ts'
import { PROBABILITY, probabilityColors } from './probability.ts'

export type Layout = 'all' | 'axial' | 'coronal' | 'sagittal' | 'render'

/** Place of the window's upper end in a NIfTI header; its lower end follows. */
const CAL_MAX = 124
const SLICES: Record<Layout, SLICE_TYPE> = {
  all: SLICE_TYPE.MULTIPLANAR, axial: SLICE_TYPE.AXIAL, coronal: SLICE_TYPE.CORONAL, sagittal: SLICE_TYPE.SAGITTAL, render: SLICE_TYPE.RENDER,
}

const LEAST_ZOOM = 0.5
const MOST_ZOOM = 20

/** The display axis across each of NiiVue's slice types: axial, coronal, sagittal. */
const ACROSS = [2, 1, 0]

/** A point of a slice under the pointer: voxel indices, not rounded, and the axis across the slice. */
export interface Spot {
  point: Vec3
  plane: number
}

/** A place of the window. */
interface Place {
  clientX: number
  clientY: number
}

/** Values that lie over the image, on its grid. */
export interface Overlay {
  data: Voxels
  slope: number
  intercept: number
}

export class Stage {
  /** Called when the crosshair moved to another voxel, or the window was changed with the mouse. */
  changed: () => void = () => undefined
  private readonly nv: Panes
  private readonly dims: Vec3
  /** Number of overlays that were asked for: only the last one is shown. */
  private asked = 0
  /** What slots are drawn as, where that differs from what they are. */
  private firsts: Uint8Array | null = null

  private constructor(nv: Panes, dims: Vec3) {
    this.nv = nv
    this.dims = dims
  }

  static async create(canvas: HTMLCanvasElement, shown: Shown, window: Window): Promise<Stage> {
    const gl = document.createElement('canvas').getContext('webgl2')
    if (!gl) throw new Error(texts.errors.webgl)
    const most = gl.getParameter(gl.MAX_3D_TEXTURE_SIZE) as number
    const { dims } = shown.orientation.display
    // NiiVue would leave the labels out without a word, which looks as if there were none.
    if (dims.some((n) => n > most)) throw new Error(texts.errors.tooWide(dims, most))
    const nv = new Panes({
      isResizeCanvas: true, backColor: [0, 0, 0, 1], logLevel: 'error', loadingText: '', crosshairWidth: 0.45, crosshairWidthUnit: 'percent',
      crosshairColor: [0.95, 0.8, 0.25, 0.9], isRadiologicalConvention: true, multiplanarLayout: MULTIPLANAR_TYPE.AUTO,
      multiplanarShowRender: SHOW_RENDER.ALWAYS, multiplanarForceRender: true, multiplanarPadPixels: 2, dragAndDropEnabled: false,
      show3Dcrosshair: true, dragMode: DRAG_MODE.windowing, isAntiAlias: true, isColorbar: false, isOrientCube: true, fontMinPx: 15, fontColor: [1, 1, 1, 1],
      mouseEventConfig: {
        leftButton: { primary: DRAG_MODE.crosshair, withShift: DRAG_MODE.pan, withCtrl: DRAG_MODE.crosshair },
        rightButton: DRAG_MODE.windowing, centerButton: DRAG_MODE.pan,
      },
    })
    await nv.attachToCanvas(canvas)
    nv.addColormap(PROBABILITY, probabilityColors())
    const stage = new Stage(nv, dims)
    nv.addVolume(await stage.prepared('image', shown, shown.voxels, 'gray', window))
    const first = nv.volumes[0]
    const kept = first.permRAS?.join() === '1,2,3' && stage.dims.every((n, axis) => first.dims?.[axis + 1] === n)
    if (!kept) throw new Error('the viewer reordered the image, which would put labels in wrong places')
    nv.onLocationChange = () => stage.changed()
    nv.onIntensityChange = () => stage.changed()
    canvas.removeAttribute('tabindex')
    return stage
  }

  private prepared(name: string, shown: Shown, data: Voxels, colormap: string, { low, high }: Window, scale = shown): Promise<NVImage> {
    const mm = spacing(shown.orientation.display)
    const matrix = mm.flatMap((step, axis) => [0, 1, 2].map((a) => (a === axis ? step : 0)).concat((-step * (this.dims[axis] - 1)) / 2))
    const file = write({ grid: { dims: this.dims, matrix }, data, slope: scale.slope, intercept: scale.intercept })
    // With a window in the header, NiiVue does not look for one in a histogram of all voxels.
    const header = new DataView(file.buffer)
    header.setFloat32(CAL_MAX, high, true)
    header.setFloat32(CAL_MAX + 4, low, true)
    return NVImage.loadFromUrl({ url: name, name: `${name}.nii`, buffer: file.buffer, colormap, cal_min: low, cal_max: high, colorbarVisible: false })
  }

  /** Shows probabilities over the image; null takes them away. */
  async setOverlay(shown: Shown, overlay: Overlay | null, window: Window): Promise<void> {
    const asked = ++this.asked
    const scale = overlay && { ...shown, slope: overlay.slope, intercept: overlay.intercept }
    const image = overlay && await this.prepared('overlay', shown, overlay.data, PROBABILITY, window, scale!)
    if (asked !== this.asked) return
    this.nv.removeOverlays()
    if (!image) return
    this.nv.addVolume(image)
    this.nv.setOpacity(1, 1)
  }

  /** Shows labels: slots in display order, one byte each. The array is kept and read again by `refreshLabels`.
   * @param firsts for each slot the one that it is drawn as: NiiVue outlines every value, and a structure of several has one outline */
  setLabels(slots: Uint8Array | null, firsts: Uint8Array | null = null): void {
    this.firsts = firsts?.some((first, slot) => first !== slot && first > 0) ? firsts : null
    const { gl, back, drawBitmap } = this.nv
    if (!slots && !drawBitmap) return
    if (!drawBitmap && back?.dims) this.nv.drawTexture = this.nv.r8Tex(this.nv.drawTexture, gl.TEXTURE7, back.dims)
    this.nv.drawBitmap = slots ?? new Uint8Array(this.dims[0] * this.dims[1] * this.dims[2])
    this.refreshLabels()
  }

  /** Shows labels that were changed in place; with a range of axial slices, only those go to the graphics memory. */
  refreshLabels(from = 0, to = this.dims[2] - 1): void {
    const { gl, drawTexture, drawBitmap } = this.nv
    if (!drawTexture || !drawBitmap) return
    const plane = this.dims[0] * this.dims[1]
    gl.activeTexture(gl.TEXTURE7)
    gl.bindTexture(gl.TEXTURE_3D, drawTexture)
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1)
    const { firsts } = this
    const own = drawBitmap.subarray(from * plane, (to + 1) * plane)
    const part = firsts ? own.map((slot) => firsts[slot]) : own
    gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, from, this.dims[0], this.dims[1], to - from + 1, gl.RED, gl.UNSIGNED_BYTE, part)
    this.nv.drawScene()
  }

  /** Colours of the slots as red, green, blue, alpha; alpha 0 hides a slot. */
  setColors(colors: Uint8ClampedArray): void {
    const lut = new Uint8ClampedArray(1024)
    lut.set(colors)
    this.nv.drawLut = { lut, labels: Array.from({ length: 256 }, (_, i) => String(i)) }
    this.nv.refreshColormaps()
    this.nv.drawScene()
  }

  setLook(look: { opacity: number; outlines: boolean; imageIn3D: boolean; labelsIn3D: boolean; neurological: boolean }): void {
    this.nv.drawRimOpacity = look.outlines ? 1 : -1
    // Without fill, outlines still need some opacity, or NiiVue draws nothing.
    this.nv.drawOpacity = look.outlines ? Math.max(0.002, look.opacity) : look.opacity
    this.nv.imageIn3D = look.imageIn3D
    this.nv.labelsIn3D = look.labelsIn3D
    this.nv.opts.isRadiologicalConvention = !look.neurological
    this.nv.drawScene()
  }

  setLayout(layout: Layout): void {
    this.nv.setSliceType(SLICES[layout])
  }

  get window(): Window {
    const { cal_min: low = 0, cal_max: high = 1 } = this.nv.volumes[0]
    return { low, high }
  }

  set window({ low, high }: Window) {
    Object.assign(this.nv.volumes[0], { cal_min: low, cal_max: high })
    this.nv.updateGLVolume()
  }

  /** The voxel at the crosshair. */
  get position(): Vec3 {
    const at = this.nv.scene.crosshairPos
    return this.dims.map((n, axis) => Math.min(n - 1, Math.max(0, Math.round(at[axis] * n - 0.5)))) as Vec3
  }

  set position(point: Vec3) {
    const inside = point.map((v, axis) => Math.min(this.dims[axis] - 1, Math.max(0, v)))
    this.nv.scene.crosshairPos = Float32Array.from(inside, (v, axis) => (v + 0.5) / this.dims[axis]) as unknown as typeof this.nv.scene.crosshairPos
    this.nv.drawScene()
  }

  private onCanvas({ clientX, clientY }: Place): [number, number] {
    const { left, top } = this.nv.canvas!.getBoundingClientRect()
    return [(clientX - left) * this.scale, (clientY - top) * this.scale]
  }

  /** What lies under a position of the window; null outside of slices. */
  spot(clientX: number, clientY: number): Spot | null {
    const [x, y] = this.onCanvas({ clientX, clientY })
    const tile = this.nv.tileIndex(x, y)
    const kind = this.nv.screenSlices[tile]?.axCorSag
    if (kind === undefined || kind > SLICE_TYPE.SAGITTAL) return null
    const at = this.nv.screenXY2TextureFrac(x, y, tile, true)
    if (at[0] < 0) return null
    const point = this.dims.map((n, axis) => at[axis] * n - 0.5) as Vec3
    point[ACROSS[kind]] = this.position[ACROSS[kind]]
    return { point, plane: ACROSS[kind] }
  }

  /** Pixels of the canvas for one of the page. */
  get scale(): number {
    return this.nv.uiData.dpr ?? 1
  }

  /** Where a voxel is seen, in pixels from the left and top of the canvas: in each pane whose slice holds it, or only in those across an axis. */
  places(voxel: Vec3, plane: number | null = null): [number, number][] {
    const dpr = this.scale
    const at = this.position
    return ACROSS.flatMap((axis, kind): [number, number][] => {
      if (Math.round(voxel[axis]) !== at[axis] || (plane ?? axis) !== axis) return []
      const frac = Float32Array.from(voxel, (v, k) => ((k === axis ? at[axis] : v) + 0.5) / this.dims[k]) as unknown as typeof this.nv.scene.crosshairPos
      const found = this.nv.frac2canvasPosWithTile(frac, kind as SLICE_TYPE)
      const tile = found && this.nv.tileIndex(found.pos[0], found.pos[1])
      return found && tile === found.tileIndex ? [[found.pos[0] / dpr, found.pos[1] / dpr]] : []
    })
  }

  /** Calls after every picture, until the signal ends it. */
  onDrawn(drawn: () => void, signal: AbortSignal): void {
    this.nv.drawn.add(drawn)
    signal.addEventListener('abort', () => this.nv.drawn.delete(drawn))
  }

  /** Zooms by a factor and keeps the crosshair where it is; 0 goes back to the whole image. */
  zoom(factor: number): void {
    const [x, y, z, old] = this.nv.scene.pan2Dxyzmm
    const next = factor === 0 ? 1 : Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, old * factor))
    const mm = this.nv.frac2mm(this.nv.scene.crosshairPos)
    const pan = factor === 0 ? [0, 0, 0] : [x, y, z].map((v, axis) => v + (old - next) * mm[axis])
    this.nv.setPan2Dxyzmm(Float32Array.from([...pan, next]) as unknown as typeof this.nv.scene.pan2Dxyzmm)
  }

  /** Takes hold of a place in the slice over which another place of the window is; null outside of slices. What is called then moves what is
   * held to a place of the window, as many times as large as it was. */
  grip(over: Place, held: Place): ((clientX: number, clientY: number, factor: number) => void) | null {
    // Where slices are, is known of what was drawn last.
    this.nv.drawNow()
    const [x, y] = this.onCanvas(over)
    const tile = this.nv.screenSlices[this.nv.tileIndex(x, y)]
    if (!tile || tile.axCorSag > SLICE_TYPE.SAGITTAL) return null
    const [...pan] = this.nv.scene.pan2Dxyzmm
    const old = pan.pop()!
    const across = ACROSS[tile.axCorSag]
    const axes = [0, 1, 2].filter((axis) => axis !== across)
    const mm = (place: Place): number[] => inTile(tile, this.onCanvas(place))
    const from = mm(held)
    const middle = this.nv.frac2mm(this.nv.scene.crosshairPos)[across]
    return (clientX, clientY, factor) => {
      const next = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, old * factor))
      const to = mm({ clientX, clientY })
      // NiiVue draws what lies at `mm` at `zoom * mm + pan`.
      const moved = [...pan]
      axes.forEach((axis, i) => { moved[axis] = old * to[i] + pan[axis] - next * from[i] })
      moved[across] += (old - next) * middle
      this.nv.setPan2Dxyzmm(Float32Array.from([...moved, next]) as unknown as typeof this.nv.scene.pan2Dxyzmm)
    }
  }

  /** Lets NiiVue take a touch that it saw begin for over: it hears no more of it. */
  forgetTouch(): void {
    this.nv.touchEndListener(new Event('touchend') as TouchEvent)
  }

  turn(azimuth: number, elevation: number): void {
    this.nv.setRenderAzimuthElevation(this.nv.scene.renderAzimuth + azimuth, this.nv.scene.renderElevation + elevation)
  }

  /** Takes over place, zoom and direction of view of another stage. */
  follow(other: Stage): void {
    const { crosshairPos, pan2Dxyzmm, renderAzimuth, renderElevation } = other.nv.scene
    this.nv.scene.crosshairPos = Float32Array.from(crosshairPos) as unknown as typeof crosshairPos
    this.nv.scene.pan2Dxyzmm = Float32Array.from(pan2Dxyzmm) as unknown as typeof pan2Dxyzmm
    this.nv.scene.renderAzimuth = renderAzimuth
    this.nv.scene.renderElevation = renderElevation
    this.nv.drawScene()
  }

  /** The canvas as a picture. */
  picture(): Promise<Blob> {
    this.nv.drawNow()
    return new Promise((resolve, reject) => {
      this.nv.canvas!.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser gave no picture'))), 'image/png')
    })
  }

  /** Frees the graphics memory; browsers allow few contexts at a time. */
  close(): void {
    this.nv.stopDrawing()
    this.nv.cleanup()
    this.nv.gl.getExtension('WEBGL_lose_context')?.loseContext()
  }
}

/** Position in mm along both axes of a slice, also outside of its pane. NiiVue draws a pane of negative width mirrored. */
function inTile({ leftTopWidthHeight: [left, top, width, height], leftTopMM, fovMM }: Panes['screenSlices'][number], [x, y]: [number, number]): number[] {
  return [leftTopMM[0] + ((x - left) / width) * fovMM[0], leftTopMM[1] + (1 - (y - top) / height) * fovMM[1]]
}
