// The panel beside the slices: what is shown, how, and where.

import { button, checkbox, choice, field, fill, h, say, select, slider } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Case } from '../types.ts'
import { sliceInFile } from '../voxel/orient.ts'
import type { Source } from '../route.ts'
import { corrected } from './corrected.ts'
import type { Layout } from './stage.ts'
import { structures } from './structures.ts'
import type { Show } from './layers.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer

/** Lets the server make the probability maps of the case; tells the share that is done. */
export type MakeMaps = (progress: (share: number) => void) => Promise<Case['probabilities']>
const LAYOUTS: Layout[] = ['all', 'axial', 'coronal', 'sagittal', 'render']

/** Builds the panel; the second value brings it up to date with the viewer. */
export function panel(viewer: Viewer, source: Source, actions: HTMLElement, make: MakeMaps | null, signal: AbortSignal): { element: HTMLElement; update: () => void } {
  // Structures may be many: what follows them would be out of sight.
  const parts = [corrected(viewer, source), show(viewer), position(viewer), greys(viewer, make, signal), structures(viewer)]
  const update = (): void => parts.forEach((part) => part.update())
  update()
  return { element: h('aside', { class: 'panel' }, actions, ...parts.map((part) => part.element)), update }
}

export interface Part {
  element: HTMLElement
  update: () => void
}

function show(viewer: Viewer): Part {
  const choose = (): ReturnType<typeof choice<Show>> => choice(t.show, viewer.layers.shows.map((value) => ({ value, text: t.shows[value] })), viewer.show, (value) => void viewer.setShow(value))
  let offered = viewer.layers.shows.join()
  let shows = choose()
  const layouts = choice(t.layout, LAYOUTS.map((value) => ({ value, text: t.layouts[value] })), viewer.layout, (value) => viewer.setLayout(value))
  const opacity = slider(viewer.look.opacity, [0, 1, 0.05], (value) => viewer.setLook({ opacity: value }))
  const outlines = checkbox(t.outlines, viewer.look.outlines, (on) => viewer.setLook({ outlines: on }))
  const image = checkbox(t.imageIn3D, viewer.look.imageIn3D, (on) => viewer.setLook({ imageIn3D: on }))
  const sides = checkbox(t.neurological, viewer.look.neurological, (on) => viewer.setLook({ neurological: on }))
  const element = h('section', {}, shows.element, layouts.element, field(t.opacity, opacity), h('div', { class: 'checks' }, outlines, image, sides))
  return {
    element,
    update: () => {
      // A correction can be saved or withdrawn while one looks.
      if (offered !== viewer.layers.shows.join()) {
        offered = viewer.layers.shows.join()
        const old = shows.element
        shows = choose()
        old.replaceWith(shows.element)
      }
      shows.set(viewer.show)
      layouts.set(viewer.layout)
      shows.element.hidden = viewer.draft !== null
      opacity.value = String(viewer.look.opacity)
      outlines.querySelector('input')!.checked = viewer.look.outlines
    },
  }
}

function position(viewer: Viewer): Part {
  const { orientation } = viewer.shown
  const rows = [2, 1, 0].map((axis) => {
    const own = sliceInFile(orientation, axis, 0).axis
    const input = h('input', {
      type: 'number', min: 0, max: orientation.file.dims[own] - 1, step: 1,
      onchange: () => {
        const slice = Math.min(orientation.file.dims[own] - 1, Math.max(0, Math.round(Number(input.value) || 0)))
        viewer.goTo([{ axis: own, slice }])
      },
    })
    return { axis, input, label: field(t.slice(t.axes[axis], 'xyz'[own]), input) }
  })
  const lines = h('div', { class: 'readout' })
  const element = h('section', { 'aria-label': t.position }, h('h3', {}, t.position), ...rows.map((row) => row.label), lines)
  return {
    element,
    update: () => {
      for (const { axis, input } of rows) input.value = String(sliceInFile(orientation, axis, viewer.position[axis]).slice)
      const [x, y, z] = viewer.world.map((v) => v.toFixed(1))
      fill(lines, h('p', {}, t.ofFile), h('p', { class: 'world' }, t.world(x, y, z, viewer.shown.unit)), viewer.value === null ? null : h('p', { class: 'value' }, t.value(Number(viewer.value.toPrecision(5)).toString())),
        h('p', { class: 'here' }, here(viewer)))
    },
  }
}

/** What the voxel at the crosshair is, in each of the labels that there are. */
function here({ layers, draft, at }: Viewer): string {
  const all: [string, Uint8Array | null][] = [[t.shows.reference, layers.reference], [t.shows.prediction, layers.prediction], draft ? [t.now, draft] : [t.shows.correction, layers.correction]]
  return all.flatMap(([of, slots]) => (slots ? [t.at(of, layers.name(slots[at]))] : [])).join(' ')
}

/** The choice of a probability map; a button that makes the maps, where the server has none yet. */
function probabilities(viewer: Viewer, make: MakeMaps | null, signal: AbortSignal): HTMLElement {
  const element = h('div', {})
  const draw = (): void => {
    const scale = h('p', { class: 'note', hidden: true }, h('span', { class: 'warm', 'aria-hidden': 'true' }), t.probabilityScale)
    const options = [{ value: '', text: t.noProbability }, ...viewer.of.probabilities.map(({ structure }, i) => ({ value: String(i), text: structure }))]
    const map = select(options, '', (value) => {
      scale.hidden = value === ''
      viewer.setProbability(value === '' ? null : Number(value), signal).catch((error: unknown) => { if (!signal.aborted) say(String(error), 'error') })
    })
    if (viewer.of.probabilities.length > 0) return fill(element, field(t.probability, map), scale)
    fill(element, make && button(t.makeProbabilities, () => void ask(make)))
  }
  const ask = async (maker: MakeMaps): Promise<void> => {
    const status = h('p', { class: 'note', role: 'status' })
    fill(element, status)
    try {
      viewer.of.probabilities = await maker((share) => { status.textContent = t.makingProbabilities(`${Math.round(100 * share)} %`) })
    } catch (error) {
      if (signal.aborted) return
      say(error instanceof Error ? error.message : String(error), 'error')
    }
    draw()
  }
  draw()
  return element
}

function greys(viewer: Viewer, make: MakeMaps | null, signal: AbortSignal): Part {
  const preset = select(viewer.presets.map((value) => ({ value, text: t.presets[value] })), viewer.preset, (value) => viewer.setPreset(value))
  const set = (): void => {
    const half = Math.max(Number(width.value), 1e-6) / 2
    viewer.setWindow({ low: Number(level.value) - half, high: Number(level.value) + half })
  }
  const level = h('input', { type: 'number', step: 'any', onchange: set })
  const width = h('input', { type: 'number', step: 'any', min: 0, onchange: set })
  return {
    element: h('section', {}, ...(viewer.shown.isBlank ? [] : [field(t.window, preset), h('div', { class: 'pair' }, field(t.level, level), field(t.width, width))]), probabilities(viewer, make, signal)),
    update: () => {
      preset.value = viewer.preset
      const { low, high } = viewer.stage.window
      if (document.activeElement !== level) level.value = String(Number(((low + high) / 2).toPrecision(5)))
      if (document.activeElement !== width) width.value = String(Number((high - low).toPrecision(5)))
    },
  }
}
