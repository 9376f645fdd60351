// The controls of refining.

import { Refusal } from '../api.ts'
import { button, checkbox, choice, field, fill, h, hush, redraw, say, select, slider } from '../dom.ts'
import { sendButton } from '../pages/archive.ts'
import { downloadLinks } from '../pages/downloads.ts'
import { texts } from '../texts.ts'
import type { About, Correction } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import { spacing } from '../voxel/grid.ts'
import { baseChoice } from './base.ts'
import type { Clicker } from './clicks.ts'
import { conflictChoices } from './conflict.ts'
import type { Editor, Tool } from './editor.ts'
import type { Saver } from './save.ts'

const t = texts.refine

export interface RefinePanel {
  element: HTMLElement
  update: () => void
}

/** @param clicker where the network takes clicks */
export function refinePanel(viewer: Viewer, editor: Editor, saver: Saver, clicker: Clicker | null, about: About, signal: AbortSignal): RefinePanel {
  const clicks = clicker && clickControls(editor, clicker)
  const own: Tool[] = ['brush', 'ball', 'erase', 'fill', ...(clicker ? ['click' as const] : [])]
  const tools = choice(t.tool, own.map((value) => ({ value, text: t.tools[value] })), editor.tool, (value: Tool) => {
    editor.choose(value)
    clicks?.update()
  })
  const radius = slider(editor.radius, [0.5, 40, 0.5], (value) => { editor.radius = value; size.textContent = String(value) })
  const size = h('output', {}, String(editor.radius))
  const bases = baseChoice(editor)
  const picker = structurePicker(viewer, editor, about['new-structures'] ?? false)
  const whole = h('h3', {})
  const plane = h('p', { class: 'note' })
  const update = (): void => {
    tools.set(editor.tool)
    radius.value = String(editor.radius)
    size.textContent = String(editor.radius)
    whole.textContent = t.whole(viewer.layers.name(editor.slot))
    plane.textContent = t.pane(texts.viewer.axes[viewer.plane].toLowerCase())
    bases.update()
    picker.update()
    clicks?.update()
  }
  const files = savedFiles(viewer.of.correction, saver, about.pacs)
  const element = h('section', { class: 'refine', 'aria-label': t.title },
    h('h3', {}, t.title), conflictChoices(viewer, editor, saver, signal), h('p', { class: 'note' }, t.by(about.who)),
    bases.element, picker.element, tools.element, clicks?.element, field(t.radius(viewer.shown.unit), radius, size), rules(viewer, editor), whole, plane, operations(viewer, editor),
    // It comes with the first save: nothing below it may move while one draws.
    files)
  update()
  return { element, update }
}

/** The files of what is saved, and the way to the archive, brought up to date with every save. */
function savedFiles(first: Correction | null, saver: Saver, hasArchive: boolean): HTMLElement {
  const element = h('p', { class: 'actions' })
  const where = async (): Promise<string> => {
    const saved = await saver.latest()
    if ('failure' in saved) throw new Refusal(0, texts.archive.notSent(saved.failure), null)
    if (!saved.send) throw new Refusal(0, texts.archive.noWay, null)
    return saved.send
  }
  const sending = sendButton(where)
  const offer = (correction: Correction | null): void => {
    const downloads = correction?.downloads ?? []
    element.hidden = downloads.length === 0
    redraw(element, () => fill(element, downloads.length > 0 && t.downloads, ...downloadLinks(downloads, () => saver), hasArchive && correction?.send && sending.element))
    sending.renew()
  }
  saver.offered = offer
  offer(first)
  return element
}

/** What clicks say, how many were made, and whether one is being followed. */
function clickControls(editor: Editor, clicker: Clicker): RefinePanel {
  const negative = checkbox(t.clickBackground, clicker.negative, (on) => { clicker.negative = on })
  const status = h('p', { class: 'clicks', role: 'status' })
  const element = h('div', {}, h('p', { class: 'note' }, t.clickHow), negative, status)
  const update = (): void => {
    element.hidden = editor.tool !== 'click'
    negative.querySelector('input')!.checked = clicker.negative
    const text = clicker.waiting ? t.clickWaiting : t.clicks(editor.clicks.length)
    if (status.textContent !== text) status.textContent = text
  }
  return { element, update }
}

/** @param canAdd whether the server takes structures that the run does not know */
function structurePicker(viewer: Viewer, editor: Editor, canAdd: boolean): RefinePanel {
  const { palette } = viewer.layers
  const list = h('select', { onchange: () => { editor.slot = Number(list.value); viewer.changed() } })
  const name = h('input', { 'aria-label': t.newName, placeholder: t.newName, class: 'new-name' })
  const color = h('input', { type: 'color', value: palette.freshColor(), 'aria-label': t.newColor })
  const add = (): void => {
    const wrong = editor.addStructure(name.value.trim(), color.value)
    if (wrong) return say(wrong, 'error', 'structure')
    hush('structure')
    name.value = ''
    color.value = palette.freshColor()
    viewer.draw()
    update()
  }
  let drawn = ''
  const update = (): void => {
    const now = JSON.stringify(palette.slots.map(({ structure }) => structure?.name))
    if (drawn !== now) {
      drawn = now
      const own = palette.slots.map(({ structure }, slot) => (structure && !structure.other && palette.slot(structure) === slot ? h('option', { value: slot }, structure.name) : null))
      fill(list, ...own)
    }
    // The chosen structure may have become part of another one that came first.
    list.value = String(palette.firsts[editor.slot])
  }
  update()
  const more = canAdd && h('details', {}, h('summary', {}, t.newStructure), h('p', { class: 'buttons' }, name, color, button(t.add, add)))
  return { element: h('div', {}, field(t.structure, list), more), update }
}

function rules(viewer: Viewer, editor: Editor): HTMLElement {
  const over = select([{ value: 'any', text: t.overs.any }, { value: 'background', text: t.overs.background }], editor.over, (value) => { editor.over = value as Editor['over'] })
  const from = h('input', { type: 'number', step: 'any', value: editor.range?.from ?? 0, onchange: () => set() })
  const to = h('input', { type: 'number', step: 'any', value: editor.range?.to ?? 200, onchange: () => set() })
  const limited = checkbox(t.range, editor.range !== null, () => set())
  const set = (): void => {
    const isOn = limited.querySelector('input')!.checked
    editor.range = isOn ? { from: Number(from.value), to: Number(to.value) } : null
    from.disabled = to.disabled = !isOn
  }
  set()
  const unit = viewer.shown.modality === 'ct' ? 'HU' : ''
  return h('div', {}, field(t.over, over), h('div', { class: 'checks' },
    checkbox(t.eraseOnly, editor.eraseOnly, (on) => { editor.eraseOnly = on }),
    checkbox(t.eraseBall, editor.eraseBall, (on) => { editor.eraseBall = on }),
    checkbox(t.inSpace, editor.fillInSpace, (on) => { editor.fillInSpace = on }),
    limited), h('div', { class: 'range', role: 'group', 'aria-label': t.between(unit) }, field(t.from, from), field(t.to, to), unit))
}

function operations(viewer: Viewer, editor: Editor): HTMLElement {
  const { unit, orientation } = viewer.shown
  // About one voxel: less does nothing, and much more takes small structures away.
  const voxel = Math.round(10 * spacing(orientation.display).sort((a, b) => a - b)[1]) / 10
  const sigma = h('input', { type: 'number', min: 0.1, max: 20, step: 'any', value: voxel, 'aria-label': t.smoothBy(unit), title: t.smoothBy(unit) })
  const whole = (['holes', 'holesSlice', 'largest', 'interpolate', 'threshold'] as const).map((operation) => button(t[operation], () => say(editor.whole(operation))))
  return h('div', { class: 'buttons' }, ...whole, h('span', { class: 'buttons smooth' }, button(t.smooth, () => say(editor.smooth(Number(sigma.value) || 0.1))), sigma, unit))
}
