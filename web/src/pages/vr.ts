// Surfaces in 3D: on the flat page with mouse and touch, or in a headset.

import * as THREE from 'three'
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js'
import { api } from '../api.ts'
import { button, checkbox, choice, field, fill, h, hush, say, slider, swatch } from '../dom.ts'
import type { Frame } from '../main.ts'
import type { Source } from '../route.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import { bind } from '../view/keys.ts'
import { loadImage } from '../view/load.ts'
import { presetsOf, windowOf } from '../view/presets.ts'
import '../view/view.css'
import type { Row } from '../vr/board.ts'
import { Slice } from '../vr/slice.ts'
import { Space } from '../vr/space.ts'
import { loadCase } from './source.ts'

const t = texts.vr
type Labels = 'prediction' | 'reference' | 'correction'
const LABELS: Labels[] = ['prediction', 'reference', 'correction']
type Plane = 'off' | 'axial' | 'coronal' | 'sagittal'
const PLANES: Plane[] = ['off', 'axial', 'coronal', 'sagittal']
const ACROSS: Record<Plane, number> = { off: 2, axial: 2, coronal: 1, sagittal: 0 }

export async function vrPage({ root, signal, title }: Frame, query: URLSearchParams): Promise<void> {
  const job = query.get('job')
  const source: Source = job ? { of: 'job', job } : { of: 'run', run: query.get('run') ?? '', name: query.get('case') ?? '' }
  const of = LABELS.find((each) => each === query.get('of')) ?? 'prediction'
  const [surfaces, { 'to-world-mm': toWorld }, there] = await Promise.all([read(source, of, signal), api.meshesAbout(source), loadCase(source)])
  if (signal.aborted) return
  const canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-label': t.canvas })
  const surface = h('div', { class: 'surface' }, h('div', { class: 'pane' }, canvas), h('span', { class: 'stamp' }, texts.research))
  const side = h('aside', { class: 'panel' })
  const head = h('header', {}, h('p', { class: 'crumbs' }, h('a', { href: links.case(source) }, t.to2D)), h('h1', {}, source.of === 'run' ? source.name : t.title))
  fill(root, h('div', { class: 'space' }, head, surface, side))
  title(t.title)
  const space = new Space(surface, canvas)
  const fromWorld = affine(toWorld).invert()
  const room = new Room(space, surfaces, source, fromWorld, signal)
  space.show(room.content, new THREE.Vector3(0, 1, 0).transformDirection(fromWorld))
  fill(side, await enter(space), labelsOf(room, source, of, LABELS.filter((each) => each === of || there[each] !== null), signal), room.controls, h('p', { class: 'note' }, t.hint))
  space.run(signal)
  keys(space, room, signal)
}

/** The surfaces of labels. */
async function read(source: Source, of: Labels, signal: AbortSignal): Promise<THREE.Object3D> {
  const glb = await api.bytes(api.meshes(source, of), signal)
  return (await new GLTFLoader().parseAsync(glb.buffer, '')).scene
}

/** A matrix column by column, as glTF has them. Row by row, its last column would not be 0, 0, 0, 1. */
function affine(numbers: number[]): THREE.Matrix4 {
  if (numbers.length !== 16 || [3, 7, 11].some((i) => numbers[i] !== 0) || numbers[15] !== 1) throw new Error(t.badMatrix)
  return new THREE.Matrix4().fromArray(numbers)
}

/** The button that enters VR, or why there is none. */
async function enter(space: Space): Promise<HTMLElement> {
  const offered = await navigator.xr?.isSessionSupported('immersive-vr').catch(() => false)
  if (!offered) return h('p', { class: 'note' }, window.isSecureContext ? t.unavailable : t.insecure)
  const start: HTMLButtonElement = button(t.enter, () => {
    start.disabled = true
    space.enter(() => { start.disabled = false }).catch((error: unknown) => {
      start.disabled = false
      say(String(error), 'error')
    })
  }, { class: 'primary', id: 'enter-vr' })
  return start
}

/** The choice of labels. Others take the place of what is shown, seen from where one is, so that they can be compared. */
function labelsOf(room: Room, source: Source, first: Labels, offered: Labels[], signal: AbortSignal): HTMLElement {
  let of = first
  let wanted = first
  const go = async (value: Labels): Promise<void> => {
    wanted = value
    try {
      const surfaces = await read(source, value, signal)
      hush('labels')
      // Another choice was made meanwhile.
      if (signal.aborted || wanted !== value) return
      of = value
      room.show(surfaces)
      const place: Record<string, string> = source.of === 'run' ? { run: source.run, case: source.name } : source.of === 'job' ? { job: source.job } : {}
      history.replaceState(null, '', links.vr({ ...place, of: value }))
    } catch (error) {
      if (signal.aborted) return
      say(error instanceof Error ? error.message : String(error), 'error', 'labels')
      wanted = of
      labels.set(of)
    }
  }
  const labels = choice<Labels>(t.of, offered.map((value) => ({ value, text: texts.viewer.shows[value] })), of, (value) => void go(value))
  return labels.element
}

/** The structures and the slice, with controls on the page and on the board in the room. */
class Room {
  readonly content = new THREE.Group()
  readonly controls = h('div', {})
  private plane: Plane = 'off'
  private position = 0
  private slice: Promise<Slice> | null = null
  private shownSlice: Slice | null = null
  private structures: { name: string; color: string; object: THREE.Object3D }[] = []
  private surfaces: THREE.Object3D | null = null
  private readonly space: Space
  private readonly source: Source
  private readonly fromWorld: THREE.Matrix4
  private readonly signal: AbortSignal

  constructor(space: Space, surfaces: THREE.Object3D, source: Source, fromWorld: THREE.Matrix4, signal: AbortSignal) {
    this.space = space
    this.source = source
    this.fromWorld = fromWorld
    this.signal = signal
    this.show(surfaces)
    let moved = 0
    space.stick = (deflection) => {
      // A stick that is held moves the slice steadily, whatever the frame rate.
      if (this.plane === 'off' || performance.now() - moved < 90) return
      moved = performance.now()
      this.moveSlice(deflection < 0 ? 1 : -1)
    }
  }

  /** Shows surfaces in place of those before, which lie in the same space. What was switched off stays so. */
  show(surfaces: THREE.Object3D): void {
    const off = new Set(this.structures.flatMap(({ name, object }) => (object.visible ? [] : [name])))
    if (this.surfaces) this.content.remove(this.surfaces)
    this.surfaces = surfaces
    this.structures = structuresIn(surfaces).map((object) => ({ name: String(object.userData.name ?? object.name), color: colorOf(object), object }))
    for (const { name, object } of this.structures) object.visible = !off.has(name)
    this.content.add(surfaces)
    this.update()
  }

  /** Brings the page's controls and the board up to date. */
  update(): void {
    const planes = choice(t.plane, PLANES.map((value) => ({ value, text: t.planes[value] })), this.plane, (value) => void this.setPlane(value))
    const n = this.shownSlice?.count(ACROSS[this.plane]) ?? 1
    const focused = document.activeElement instanceof HTMLElement && this.controls.contains(document.activeElement) ? document.activeElement.dataset.key : undefined
    const list = this.structures.map(({ name, color, object }) => checkbox(h('span', {}, swatch(color), name), object.visible, (on) => this.see(name, on), { 'data-key': name }))
    fill(this.controls, h('section', {}, h('h3', {}, texts.viewer.structures), ...(list.length > 0 ? list : [h('p', {}, t.empty)])), h('section', {}, planes.element,
      this.plane !== 'off' && field(t.place, slider(this.position, [0, n - 1, 1], (value) => this.setPosition(value), { 'data-key': 'place' }))),
    h('section', {}, button(t.reset, () => this.space.reset(), { 'data-key': 'reset' })))
    if (focused) this.controls.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus()
    this.space.board.set(this.rows())
  }

  private rows(): Row[] {
    const next = PLANES[(PLANES.indexOf(this.plane) + 1) % PLANES.length]
    return [
      ...this.structures.map(({ name, color, object }) => ({ text: name, color, isOn: object.visible, press: () => this.see(name, !object.visible) })),
      { text: `${t.panelPlane}: ${t.planes[this.plane]}`, color: null, isOn: this.plane !== 'off', press: () => void this.setPlane(next) },
      { text: t.panelReset, color: null, isOn: true, press: () => this.space.reset() },
      { text: texts.research, color: null, isOn: false, press: () => undefined },
    ]
  }

  private see(name: string, on: boolean): void {
    for (const structure of this.structures) if (structure.name === name) structure.object.visible = on
    this.update()
  }

  async setPlane(plane: Plane): Promise<void> {
    this.plane = plane
    if (plane !== 'off') {
      this.slice ??= this.load()
      try {
        this.shownSlice = await this.slice
        hush('slice')
      } catch (error) {
        this.slice = null
        this.plane = 'off'
        if (!this.signal.aborted) say(error instanceof Error ? error.message : String(error), 'error', 'slice')
      }
      if (this.shownSlice && this.plane !== 'off') this.setPosition(Math.floor(this.shownSlice.count(ACROSS[this.plane]) / 2))
    }
    if (this.shownSlice) this.shownSlice.mesh.visible = this.plane !== 'off'
    this.update()
  }

  /** The image is large: it is read when a slice is first asked for. */
  private async load(): Promise<Slice> {
    const { images } = await loadCase(this.source)
    const shown = await loadImage(images[0], 0, this.signal)
    const slice = new Slice(shown, windowOf(presetsOf(shown)[0], shown), this.fromWorld)
    this.content.add(slice.mesh)
    return slice
  }

  moveSlice(steps: number): void {
    this.setPosition(this.position + steps)
    const place = this.controls.querySelector<HTMLInputElement>('[data-key="place"]')
    if (place) place.value = String(this.position)
  }

  private setPosition(position: number): void {
    if (!this.shownSlice || this.plane === 'off') return
    const plane = ACROSS[this.plane]
    this.position = Math.min(this.shownSlice.count(plane) - 1, Math.max(0, position))
    this.shownSlice.place(plane, this.position)
  }
}

/** The nodes that hold surfaces, however deep they lie: a node above them may turn millimetres to metres. */
const structuresIn = (object: THREE.Object3D): THREE.Object3D[] =>
  object.children.flatMap((child) => (child instanceof THREE.Mesh ? [child] : structuresIn(child)))

function colorOf(object: THREE.Object3D): string {
  let color = '#999999'
  object.traverse((part) => {
    if (part instanceof THREE.Mesh && part.material instanceof THREE.MeshStandardMaterial) color = `#${part.material.color.getHexString()}`
  })
  return color
}

function keys(space: Space, room: Room, signal: AbortSignal): void {
  const turn: Record<string, [number, number]> = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }
  bind([
    { keys: Object.keys(turn), shown: '', text: '', act: (key) => space.orbit(...turn[key]) },
    { keys: ['+', '=', '-'], shown: '', text: '', act: (key) => space.orbit(0, 0, key === '-' ? 1.15 : 1 / 1.15) },
    { keys: ['PageUp', 'PageDown'], shown: '', text: '', act: (key) => room.moveSlice(key === 'PageUp' ? 1 : -1) },
    { keys: ['0'], shown: '', text: '', act: () => space.reset() },
  ], signal)
}
