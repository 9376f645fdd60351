// One run: curves that grow while it trains, cases, corrections, settings.

import { api, listen, Refusal } from '../api.ts'
import { chart } from '../chart.ts'
import { button, fill, h, number, say } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Curves, RunDetails } from '../types.ts'
import { casesSection } from './cases.ts'
import { badge, progress } from './runs.ts'

export async function runPage({ root, signal, about, title }: Frame, id: string): Promise<void> {
  const run = await api.run(id)
  title(`${run.experiment}: ${run.name}`)
  const head = h('div', {})
  const curves = h('div', {})
  const log = h('ol', { class: 'log' })
  const live = h('p', { class: 'note', role: 'status' })
  const drawHead = (): void => {
    // It is made anew with every epoch: who is on a button of it stays there.
    const focused = head.contains(document.activeElement) ? document.activeElement?.textContent : null
    fill(head, ...header(run, about['allow-run'], drawHead))
    if (focused) [...head.querySelectorAll<HTMLElement>('a, button')].find((each) => each.textContent === focused)?.focus()
  }
  const drawCurves = (): void => fill(curves, run.history.epoch.length > 0 ? chart(run.history, run.epochs?.of ?? null) : h('p', { class: 'note' }, texts.run.noCurves), numbers(run.history))
  drawHead()
  drawCurves()
  fill(root, head, h('h2', {}, texts.run.curves), live, curves, await casesSection(run),
    settings(run), h('details', {}, h('summary', {}, texts.run.log), log))

  let waiting = false
  /** The log does not tell of runs that stop or go on elsewhere; its stream ends with the run, and begins again with it. */
  const refresh = async (): Promise<void> => {
    if (refreshing) return
    refreshing = true
    const now = await api.run(id).catch(() => null)
    refreshing = false
    if (!now || signal.aborted) return
    Object.assign(run, { state: now.state, failure: now.failure, dice: now.dice, epochs: now.epochs, report: now.report })
    live.textContent = run.state === 'running' ? texts.run.live : ''
    drawHead()
    // Nothing more comes.
    if (run.state === 'finished') ending.abort()
  }
  let refreshing = false
  let isFirst = true
  const ending = new AbortController()
  signal.addEventListener('abort', () => ending.abort())
  listen((after) => api.runEvents(id, after), (data) => {
    // The log may also tell of ends before the run went on: what holds now, the server knows.
    if (hear(run, data as RunEvent)) void refresh()
    note(log, data as RunEvent)
    // Old lines of the log come all at once: draw once for all of them.
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => {
      waiting = false
      drawHead()
      drawCurves()
    })
  }, (lost) => {
    if (!isFirst && lost === (run.state === 'running')) void refresh()
    isFirst = false
    live.textContent = run.state !== 'running' ? '' : lost ? texts.run.lost : texts.run.live
  }, ending.signal)
}

/** A line of the run's log: `observe::Event` of segspec. */
interface RunEvent {
  event: string
  time: string
  epoch?: number
  epochs?: number
  loss?: number
  validation?: { dice: (number | null)[]; iou: (number | null)[] } | null
  text?: string
  dice?: number | null
  outcome?: { state: string; reason?: string }
}

/** Takes an event into the run; says whether it is an end. */
export function hear(run: RunDetails, event: RunEvent): boolean {
  if (event.event === 'epoch' && event.epoch !== undefined) {
    put(run.history, event.epoch, event.loss ?? null, mean(event.validation?.dice), mean(event.validation?.iou))
    if (run.epochs) run.epochs.done = Math.max(run.epochs.done, event.epoch)
  }
  if (event.event === 'training' && event.epochs !== undefined) run.epochs = { done: run.epochs?.done ?? 0, of: event.epochs }
  return event.event === 'finished' || event.event === 'ended'
}

/** Epochs come in order, but a resumed run can repeat some: the later numbers count. */
function put(curves: Curves, epoch: number, loss: number | null, dice: number | null, iou: number | null): void {
  let at = curves.epoch.indexOf(epoch)
  if (at < 0) {
    at = curves.epoch.findIndex((other) => other > epoch)
    if (at < 0) at = curves.epoch.length
    curves.epoch.splice(at, 0, epoch)
    for (const values of [curves.loss, curves['validation-dice'], curves['validation-iou']]) values.splice(at, 0, null)
  }
  curves.loss[at] = loss
  curves['validation-dice'][at] = dice
  curves['validation-iou'][at] = iou
}

/** Mean over the structures that have a score, as segspec takes it. */
function mean(scores: (number | null)[] | undefined): number | null {
  const defined = (scores ?? []).filter((score): score is number => score !== null)
  return defined.length > 0 ? defined.reduce((a, b) => a + b) / defined.length : null
}

function note(log: HTMLElement, event: RunEvent): void {
  const what = event.text ?? event.outcome?.reason ?? event.outcome?.state ?? ''
  const epoch = event.epoch === undefined ? '' : ` ${event.epoch}`
  log.append(h('li', {}, h('time', {}, event.time), ` ${event.event}${epoch} ${what}`))
}

function header(run: RunDetails, allowRun: boolean, redraw: () => void): Node[] {
  const act = async (what: 'start' | 'stop'): Promise<void> => {
    try {
      run.state = (await api[what](run.id)).state
      say(what === 'start' ? texts.run.started : texts.run.stopping)
      redraw()
    } catch (error) {
      say(error instanceof Refusal ? `${error.message} ${error.help ?? ''}` : String(error), 'error')
    }
  }
  const canStart = allowRun && run.kind === 'training' && ['new', 'resumable', 'failed', 'trained'].includes(run.state)
  return [
    h('p', { class: 'crumbs' }, h('a', { href: links.runs() }, texts.runs.title), ` › ${run.experiment}`),
    h('h1', {}, run.name, ' ', badge(run.state)),
    h('p', { class: 'note' }, run.description),
    ...(run.failure ? [h('p', { class: 'failure', role: 'alert' }, `${texts.runs.failure}: ${run.failure}`)] : []),
    h('p', { class: 'actions' },
      run.epochs && progress(run.epochs),
      run.dice !== null && h('span', {}, `Dice ${number(run.dice, 3)}`),
      run.report && h('a', { href: run.report, target: '_blank', rel: 'noopener' }, texts.run.report),
      h('a', { href: `/api/runs/${encodeURIComponent(run.id)}/plan`, target: '_blank', rel: 'noopener' }, texts.run.plan),
      canStart && button(run.state === 'new' ? texts.run.start : texts.run.resume, () => void act('start')),
      allowRun && run.state === 'running' && button(texts.run.stop, () => void act('stop'))),
  ]
}

/** The curves in numbers, for those who cannot see them, or want them exactly. */
function numbers(curves: Curves): HTMLElement {
  const heads = [texts.run.epoch, texts.run.loss, texts.run.validationDice].map((text) => h('th', { scope: 'col' }, text))
  const rows = curves.epoch.map((epoch, i) => h('tr', {}, h('td', {}, String(epoch)), h('td', {}, number(curves.loss[i], 4)), h('td', {}, number(curves['validation-dice'][i], 4))))
  return h('details', {}, h('summary', {}, texts.run.table), h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows))))
}

function settings(run: RunDetails): HTMLElement {
  const rows = run.settings.map(({ key, value }) => h('tr', {}, h('td', {}, key), h('td', { class: 'text' }, h('code', {}, value))))
  return h('details', {}, h('summary', {}, texts.run.settings), h('p', { class: 'note' }, run.folder), h('div', { class: 'scroll' }, h('table', {}, h('tbody', {}, ...rows))))
}
