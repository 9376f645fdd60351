// Jobs: one that is followed while it runs, and the list of this session's.

import { api, listen } from '../api.ts'
import { button, fill, h } from '../dom.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Job } from '../types.ts'

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
      current = job
      told(job)
      if (!goesOn(job)) end()
    }
    hear(first)
    if (!ending.signal.aborted) listen(() => api.jobEvents(first.id), (data) => { if (!ending.signal.aborted) hear(data as Job) }, () => undefined, ending.signal)
  })
}

/** Shows a job's progress until it ends; gives its last state. */
export async function follow(stage: HTMLElement, first: Job, signal: AbortSignal): Promise<Job> {
  const text = h('p', { role: 'status' })
  const bar = h('progress', { class: 'wide', max: 1, 'aria-label': t.title })
  const cancelling = new AbortController()
  signal.addEventListener('abort', () => cancelling.abort())
  let isCancelled = false
  const cancel = async (): Promise<void> => {
    await api.dropJob(first.id).catch(() => undefined)
    isCancelled = true
    cancelling.abort()
  }
  fill(stage, text, bar, h('p', {}, button(texts.cancel, () => void cancel())))
  const last = await settled(first, (job) => {
    bar.value = job.progress
    text.textContent = job.state === 'queued' ? t.queued(job.position) : t.steps[job.step]
  }, cancelling.signal)
  return isCancelled ? { ...last, state: 'cancelled', result: null } : last
}

export async function jobList(root: HTMLElement): Promise<void> {
  const jobs = await api.jobs()
  if (jobs.length === 0) return fill(root)
  const rows = jobs.map((job) => {
    const forget = async (): Promise<void> => {
      await api.dropJob(job.id).catch(() => undefined)
      await jobList(root)
    }
    return h('tr', {},
      h('td', {}, job.result ? h('a', { href: links.case({ of: 'job', job: job.id }) }, job.id) : job.id),
      h('td', { class: 'text' }, t.states[job.state], job.error && h('p', { class: 'failure' }, job.error)),
      h('td', {}, button(goesOn(job) ? texts.cancel : t.forget, () => void forget(), { 'aria-label': `${goesOn(job) ? texts.cancel : t.forget}: ${job.id}` })))
  })
  fill(root, h('h2', {}, t.jobs), h('div', { class: 'scroll' }, h('table', {}, h('tbody', {}, ...rows))))
}
