// The list of structures: which are drawn, where they are, how large they are.

import { button, checkbox, fill, h, number, redraw, swatch } from '../dom.ts'
import { texts } from '../texts.ts'
import { ADDED, MISSED, SWAPPED } from '../voxel/compare.ts'
import { ERROR_COLORS, UNCLAIMED } from './layers.ts'
import type { Part } from './panel.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer

export function structures(viewer: Viewer): Part {
  const element = h('section', { 'aria-label': t.structures })
  let drawn = ''
  return {
    element,
    update: () => {
      // Rows keep the focus of whoever walks through them: they are made anew only when something in them changed.
      const { layers, draft, show: what } = viewer
      const now = draft && viewer.shown.unit === 'mm' ? layers.volumes(draft) : null
      const known = layers.palette.slots.map(({ structure }) => structure && [structure.name, structure.color])
      const key = JSON.stringify([what, now, [...layers.hidden], known, draft !== null])
      if (key === drawn) return
      drawn = key
      const list = table(viewer, now)
      // Errors have colours of their own, and an image alone has no structures.
      element.hidden = (what === 'errors' && !draft) || list.querySelector('tbody tr') === null
      redraw(element, () => fill(element, h('h3', {}, t.structures), list))
    },
  }
}

/** Slots of structures that the run does not segment and the reference has; without a spacing, nobody knows their volumes. */
function others({ layers, shown }: Viewer): { slot: number; ml: number | undefined }[] {
  const volumes = layers.referenceVolumes
  return layers.palette.slots.flatMap((_, slot) => (layers.isOther(slot) && volumes && volumes[slot] > 0 ? [{ slot, ml: shown.unit === 'mm' ? volumes[slot] : undefined }] : []))
}

/** What the colours of errors mean. */
export function errorLegend(viewer: Viewer): HTMLElement[] {
  const names: [number, string][] = [[MISSED, t.missed], [ADDED, t.added], [SWAPPED, t.swapped]]
  const legend = h('ul', { class: 'legend' }, ...names.map(([slot, name]) => h('li', {}, swatch(ERROR_COLORS[slot]), name)))
  const left = others(viewer).map(({ slot }) => viewer.layers.name(slot))
  return left.length > 0 ? [legend, h('p', { class: 'note' }, t.othersNote(left.join(', ')))] : [legend]
}

function table(viewer: Viewer, now: number[] | null): HTMLElement {
  const { layers, of } = viewer
  // It is the prediction's, not that of what is being drawn.
  const hasDice = Object.keys(of.scores).length > 0 && !now
  const { reference, prediction } = of.volumes
  const heads = [t.columns.name, reference && t.columns.reference, prediction && t.columns.prediction, now && t.columns.now, hasDice && t.columns.dice].filter((head) => typeof head === 'string')
  const row = (slot: number, own: number | undefined): HTMLElement => {
    const name = layers.name(slot)
    const cell = (of: object | null | undefined, value: number | null | undefined, digits = 1): HTMLElement | null => (of ? h('td', {}, number(value, digits)) : null)
    return h('tr', {}, nameCell(viewer, slot), cell(reference, own ?? reference?.[name]), cell(prediction, prediction?.[name]), cell(now, now && layers.volumeOf(slot, now)),
      hasDice && cell(of.scores, of.scores[name]?.dice, 3))
  }
  const { slots } = layers.palette
  // Further values of a structure share its row.
  const known = slots.flatMap(({ structure }, slot) => (slot > 0 && structure && !structure.other && layers.palette.slot(structure) === slot ? [row(slot, undefined)] : []))
  const left = others(viewer).map(({ slot, ml }) => row(slot, ml))
  const group = left.length > 0 && h('tr', {}, h('th', { scope: 'rowgroup', colspan: heads.length, class: 'text' }, t.others))
  return h('table', { class: 'structures' }, h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))), h('tbody', {}, ...known), group && h('tbody', {}, group, ...left))
}

function nameCell(viewer: Viewer, slot: number): HTMLElement {
  const { layers } = viewer
  const name = layers.name(slot)
  const color = layers.palette.slots[slot].structure?.color ?? UNCLAIMED
  const see = checkbox(h('span', { class: 'named' }, swatch(color), h('span', {}, name)), !layers.hidden.has(slot), (on) => viewer.setHidden(slot, !on), { 'aria-label': t.visible(name), 'data-key': `see-${slot}` })
  const go = button('◎', () => viewer.goToStructure(slot), { 'aria-label': t.goTo(name), title: t.goTo(name), 'data-key': `go-${slot}`, class: 'small' })
  return h('td', {}, h('div', { class: 'cell' }, see, go))
}
