// The panel beside the slices: what is shown, how, and where.

import { checkbox, choice, field, fill, h, rounded, select, slider } from '../dom.ts'
import { texts } from '../texts.ts'
import { sliceInFile } from '../voxel/orient.ts'
import type { Source } from '../route.ts'
import { corrected } from './corrected.ts'
import type { Show } from './layers.ts'
import type { MakeMaps } from './maps.ts'
import { maps } from './maps.ts'
import type { Layout } from './stage.ts'
import { errorLegend, structures } from './structures.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer

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
  const legend = h('div', { class: 'errors', hidden: true })
  const element = h('section', {}, shows.element, legend, layouts.element, field(t.opacity, opacity), h('div', { class: 'checks' }, outlines, image, sides))
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
      legend.hidden = viewer.show !== 'errors' || viewer.draft !== null
      if (!legend.hidden && legend.childElementCount === 0) fill(legend, ...errorLegend(viewer))
      opacity.value = String(viewer.look.opacity)
      // Labels have no fill then.
      opacity.disabled = viewer.chosenMap !== null
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
      const [x, y, z] = viewer.world.map((v) => rounded(v, 1))
      const values = [viewer.value === null ? '' : t.value(Number(viewer.value.toPrecision(5)).toString()), mapValue(viewer)].filter((text) => text !== '')
      fill(lines, h('p', {}, t.ofFile), h('p', { class: 'world' }, t.world(x, y, z, viewer.shown.unit)), values.length > 0 && h('p', { class: 'value' }, values.join('; ')),
        h('p', { class: 'here' }, here(viewer)))
    },
  }
}

/** The probability at the crosshair, while a map is shown. */
function mapValue({ chosenMap }: Viewer): string {
  return chosenMap?.value == null ? '' : t.mapValue(chosenMap.structure, chosenMap.value.toFixed(2))
}

/** What the voxel at the crosshair is, in each of the labels that there are. */
function here({ layers, draft, at }: Viewer): string {
  const all: [string, Uint8Array | null][] = [[t.shows.reference, layers.reference], [t.shows.prediction, layers.prediction], draft ? [t.now, draft] : [t.shows.correction, layers.correction]]
  return all.flatMap(([of, slots]) => (slots ? [t.at(of, layers.name(slots[at]))] : [])).join(' ')
}

function greys(viewer: Viewer, make: MakeMaps | null, signal: AbortSignal): Part {
  const preset = select(viewer.presets.map((value) => ({ value, text: t.presets[value] })), viewer.preset, (value) => viewer.setPreset(value))
  const set = (): void => {
    const half = Math.max(Number(width.value), 1e-6) / 2
    viewer.setWindow({ low: Number(level.value) - half, high: Number(level.value) + half })
  }
  const level = h('input', { type: 'number', step: 'any', onchange: set })
  const width = h('input', { type: 'number', step: 'any', min: 0, onchange: set })
  const probabilities = maps(viewer, make, signal)
  return {
    element: h('section', {}, ...(viewer.shown.isBlank ? [] : [field(t.window, preset), h('div', { class: 'pair' }, field(t.level, level), field(t.width, width))]), probabilities.element),
    update: () => {
      probabilities.update()
      preset.value = viewer.preset
      const { low, high } = viewer.stage.window
      if (document.activeElement !== level) level.value = String(Number(((low + high) / 2).toPrecision(5)))
      if (document.activeElement !== width) width.value = String(Number((high - low).toPrecision(5)))
    },
  }
}
