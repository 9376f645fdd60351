// Jobs: one that is followed while it runs, and the list of this session's.

import { api, listen, Refusal } from '../api.ts'
import { time } from '../dates.ts'
import { button, coded, dialog, fill, h, say } from '../dom.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Job } from '../types.ts'
import { imageText } from './image-name.ts'
import { fullName } from './order.ts'
import { stacked } from './runs.ts'

const GONE = 404
const t = texts.segment
const goesOn = (job: Job): boolean => job.state === 'queued' || job.state === 'running'

/** Waits until a job ends, or the signal; tells every state, gives the last one. */
export function settled(first: Job, told: (job: Job) => void, signal: AbortSignal): Promise<Job> {
  let current = first
  return new Promise((resolve) => {
    const ending = new AbortController()
    const end = (): void => {
      ending.abort()
      resolve(current)
    }
    signal.addEventListener('abort', end)
    const hear = (job: Job): void => {
      if (ending.signal.aborted) return
      current = job
      told(job)
      if (!goesOn(job)) end()
    }
    // A job that is gone has no events, and the browser does not say why it hears none.
    const ask = (): void => void api.job(first.id).then(hear, (error: unknown) => {
      if (error instanceof Refusal && error.status === GONE) hear({ ...current, state: 'failed', error: t.gone, result: null })
    })
    hear(first)
    if (!ending.signal.aborted) listen(() => api.jobEvents(first.id), (data) => hear(data as Job), (isLost) => { if (isLost) ask() }, ending.signal)
  })
}

/** Shows a job's progress until it ends; gives its last state. */
export async function follow(stage: HTMLElement, first: Job, signal: AbortSignal): Promise<Job> {
  const text = h('p', { role: 'status' })
  const bar = h('progress', { class: 'wide', max: 1, 'aria-label': t.title })
  const cancelling = new AbortController()
  signal.addEventListener('abort', () => cancelling.abort())
  let dropped = null as Promise<unknown> | null
  const cancel = (): void => {
    // What ends here is not asked about any more.
    cancelling.abort()
    dropped = api.dropJob(first.id).catch(() => undefined)
  }
  fill(stage, text, bar, h('p', {}, button(texts.cancel, cancel)))
  const last = await settled(first, (job) => {
    bar.value = job.progress
    text.textContent = job.state === 'queued' ? t.queued(job.position) : t.steps[job.step]
  }, cancelling.signal)
  if (dropped) await dropped
  return dropped ? { ...last, state: 'cancelled', result: null } : last
}

const EVERY_MS = 2000

/** What a job is of. */
export const imageOf = ({ image }: Job): string => imageText(image)

/** The jobs of this session, the newest first, kept up to date while one looks. */
export async function jobList(root: HTMLElement, signal: AbortSignal): Promise<void> {
  let drawn = ''
  const ask = async (): Promise<void> => {
    const jobs = await api.jobs()
    const now = JSON.stringify(jobs)
    if (signal.aborted || now === drawn) return
    drawn = now
    const focused = root.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null
    draw(root, jobs, ask)
    if (focused) root.querySelector<HTMLElement>(`[aria-label=${JSON.stringify(focused)}]`)?.focus()
  }
  const timer = setInterval(() => { if (!document.hidden) void ask().catch(() => undefined) }, EVERY_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
  await ask()
}

function draw(root: HTMLElement, jobs: Job[], again: () => Promise<void>): void {
  if (jobs.length === 0) return fill(root)
  const c = t.columns
  // Texts stand below their headings, on the left.
  const heads = [c.image, c.network, c.time, c.state].map((text) => h('th', { scope: 'col', class: text === c.time ? null : 'text' }, text))
  fill(root, h('h2', {}, t.jobs), h('div', { class: 'scroll' }, stacked(h('table', { class: 'jobs stack' },
    h('thead', {}, h('tr', {}, ...heads, h('th', {}))), h('tbody', {}, ...[...jobs].reverse().map((job) => row(job, again)))))))
}

function row(job: Job, again: () => Promise<void>): HTMLElement {
  const c = t.columns
  const name = job.image.from === 'case' && job.probabilities ? t.mapsOf(imageOf(job)) : imageOf(job)
  const act = goesOn(job) ? texts.cancel : t.forget
  const state = job.state === 'queued' ? t.queued(job.position) : job.state === 'running' ? `${t.states.running}, ${Math.round(100 * job.progress)} %` : t.states[job.state]
  return h('tr', { 'data-job': job.id },
    h('td', {}, h('a', { href: links.job(job.id), 'aria-label': `${name}, ${time(job.created)}` }, name)),
    h('td', { class: 'text', 'data-label': c.network }, fullName(job.network)),
    h('td', { 'data-label': c.time }, time(job.created)),
    h('td', { class: 'text', 'data-label': c.state }, state, job.error && h('p', { class: 'failure' }, ...coded(job.error))),
    h('td', {}, button(act, () => void forget(job, name, again), { 'aria-label': `${act}: ${name}, ${time(job.created)}` })))
}

/** Removes a job; asks before, where something would be lost. The list may be a moment old: by now the job may be done, or corrected. */
async function forget(listed: Job, name: string, again: () => Promise<void>): Promise<void> {
  const drop = async (): Promise<void> => {
    try {
      await api.dropJob(listed.id)
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof Refusal) || error.status !== GONE) say(error instanceof Refusal ? error.text : String(error), 'error', 'job')
    }
    await again().catch(() => undefined)
  }
  const { result, correction } = await api.job(listed.id).catch(() => listed)
  if (!result && !correction) return drop()
  const box = dialog(t.forget, h('p', {}, name), h('p', {}, correction ? t.forgetCorrected(correction.who, time(correction.when)) : t.forgetResult),
    h('p', { class: 'actions' }, button(t.forgetNow, () => {
      box.close()
      void drop()
    })))
}
