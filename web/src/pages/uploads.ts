// Images that were sent earlier and that the server still keeps: to be gone on with, or removed.

import { api, Refusal } from '../api.ts'
import { time } from '../dates.ts'
import { button, coded, dialog, fill, h, hush, say } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Job, Sent, Upload } from '../types.ts'
import { bytes } from './drop.ts'
import { imagesText } from './image-name.ts'
import { stacked } from './runs.ts'

const EVERY_MS = 2000
const GONE = 404
const t = texts.uploads

export interface SentList {
  element: HTMLElement
  /** Brings the list up to date. */
  ask: () => Promise<void>
}

/** The list, kept up to date while it is shown; `use` is called with the upload that the reader chooses. */
export function sentList(use: (id: string) => void, signal: AbortSignal): SentList {
  // What changes in it by itself is not to be read out.
  const element = h('section', { class: 'sent', 'aria-label': t.title, 'aria-live': 'off', hidden: true })
  let drawn = ''
  const ask = async (): Promise<void> => {
    // A list that cannot be had keeps nobody from sending images.
    const all = await api.uploads().catch(() => null)
    const now = JSON.stringify(all)
    if (signal.aborted || all === null || now === drawn) return
    drawn = now
    const focused = document.activeElement instanceof HTMLElement && element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined
    element.hidden = all.length === 0
    fill(element, ...(all.length > 0 ? [h('h2', {}, t.title), table(all, use, ask)] : []))
    if (focused) element.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus()
  }
  const timer = setInterval(() => { if (!document.hidden && element.isConnected) void ask() }, EVERY_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
  return { element, ask }
}

function table(all: Sent[], use: (id: string) => void, again: () => Promise<void>): HTMLElement {
  const c = t.columns
  const heads = [c.name, c.images, c.size, c.kept].map((text) => h('th', { scope: 'col' }, text))
  return h('div', { class: 'scroll' }, stacked(h('table', { class: 'jobs stack' },
    h('thead', {}, h('tr', {}, ...heads, h('th', {}))), h('tbody', {}, ...all.map((each) => row(each, use, again))))))
}

function row(sent: Sent, use: (id: string) => void, again: () => Promise<void>): HTMLElement {
  const c = t.columns
  const { upload: id, state, series, error } = sent
  const name = nameOf(sent)
  const kept = time(sent.expires)
  const remove = button(t.remove, () => void removeUpload(id, sent, again), { 'aria-label': t.removeWhich(name, kept), 'data-key': `remove-${id}` })
  return h('tr', { 'data-upload': id },
    h('td', {}, name, sent.anonymous && h('small', {}, ` ${t.anonymous}`), error !== null && h('p', { class: 'failure' }, ...coded(error))),
    h('td', { 'data-label': c.images }, state === 'ready' ? String(series.length) : '–'),
    h('td', { 'data-label': c.size }, bytes(sent.fetched?.bytes ?? sent.bytes)),
    h('td', { 'data-label': c.kept }, kept),
    h('td', {}, h('span', { class: 'actions' }, state !== 'refused' && button(t.use, () => use(id), { 'aria-label': t.useWhich(name, kept), 'data-key': `use-${id}` }), remove)))
}

/** What was sent, and its images; or why there are none. */
function nameOf({ name, state, series }: Upload): string {
  const images = series.length > 0 ? imagesText(series) : t.states[state]
  return name && name !== images ? t.named(name, images) : images
}

/** Removes an upload after a question, and says which jobs need it. */
export async function removeUpload(id: string, sent: Upload, again: () => Promise<void>): Promise<void> {
  const remove = async (): Promise<void> => {
    try {
      await api.dropUpload(id)
      hush('upload')
    } catch (error) {
      // Somebody else was faster.
      if (error instanceof Refusal && error.status === GONE) return again()
      say(error instanceof Refusal ? error.text : String(error), 'error', 'upload')
    }
    await again()
  }
  const jobs = await api.jobs().catch(() => [])
  const isNeeded = jobs.some((job) => needs(job, id))
  const box = dialog(t.remove, h('p', {}, nameOf(sent)), h('p', {}, isNeeded ? t.needed : t.removed), h('p', { class: 'actions' }, button(t.removeNow, () => {
    box.close()
    void remove()
  })))
}

/** Whether a job has, or will have, an image of an upload. */
function needs({ image, state }: Job, upload: string): boolean {
  return image.upload === upload && state !== 'failed' && state !== 'cancelled'
}
