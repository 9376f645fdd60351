// One run: curves that grow while it trains, cases, corrections, settings.

import { api, listen, Refusal } from '../api.ts'
import { chart } from '../chart.ts'
import { button, coded, fill, h, number, say } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Curves, RunDetails } from '../types.ts'
import { casesSection } from './cases.ts'
import type { RunEvent } from './run-log.ts'
import { hear, words } from './run-log.ts'
import { badge, isUnfinished, progress, reportLinks } from './runs.ts'

const EVERY_MS = 5000
/** How often a finished run is asked for once more: scores and report are written after its last line. */
const AFTER = 12
const t = texts.run

export async function runPage(frame: Frame, id: string): Promise<void> {
  const run = await api.run(id)
  frame.title(`${run.experiment}: ${run.name}`)
  const page = new RunPage(frame, run, await casesSection(run))
  page.follow()
}

class RunPage {
  private readonly head = h('div', {})
  private readonly curves = h('div', {})
  private readonly log = h('ol', { class: 'log' })
  private readonly live = h('p', { class: 'note', role: 'status' })
  private readonly frame: Frame
  private readonly run: RunDetails
  private readonly cases: Awaited<ReturnType<typeof casesSection>>
  /** Ends the log: nothing more comes. */
  private readonly ending = new AbortController()
  private isStopping = false
  private isAsking = false
  private isDrawing = false

  constructor(frame: Frame, run: RunDetails, cases: Awaited<ReturnType<typeof casesSection>>) {
    this.frame = frame
    this.run = run
    this.cases = cases
    // Averages and imported networks have no training to show.
    const trains = run.kind === 'training' || run.history.epoch.length > 0
    this.drawHead()
    this.drawCurves()
    fill(frame.root, this.head, trains && h('h2', {}, t.curves), this.live, trains && this.curves, cases.element,
      settings(run), h('details', {}, h('summary', {}, t.log), this.log))
  }

  /** Keeps the page as the run is, until the page is left. */
  follow(): void {
    const { run, frame: { signal } } = this
    let isFirst = true
    let left = AFTER
    listen((after) => api.runEvents(run.id, after), (data) => this.heard(data as RunEvent), (lost) => {
      if (!isFirst && lost === (run.state === 'running')) void this.refresh()
      isFirst = false
      this.live.textContent = run.state !== 'running' ? '' : lost ? t.lost : t.live
    }, this.ending.signal)
    signal.addEventListener('abort', () => this.ending.abort())
    // The log does not tell of runs that stop or go on elsewhere, nor of predictions, scores and reports.
    const timer = setInterval(() => {
      if (document.hidden || left === 0) return
      if (run.state === 'finished' || run.state === 'imported') left -= 1
      void this.refresh()
    }, EVERY_MS)
    signal.addEventListener('abort', () => clearInterval(timer))
  }

  private heard(event: RunEvent): void {
    // The log may also tell of ends before the run went on: what holds now, the server knows.
    if (hear(this.run, event)) void this.refresh()
    this.log.append(h('li', {}, h('time', {}, event.time), ` ${words(event)}`))
    // Old lines of the log come all at once: draw once for all of them.
    if (this.isDrawing) return
    this.isDrawing = true
    requestAnimationFrame(() => {
      this.isDrawing = false
      this.drawHead()
      this.drawCurves()
    })
  }

  private async refresh(): Promise<void> {
    if (this.isAsking) return
    this.isAsking = true
    const { run } = this
    const now = await api.run(run.id).catch(() => null)
    this.isAsking = false
    if (!now || this.frame.signal.aborted) return
    const { state, failure, dice, epochs, report, cases } = now
    const before = JSON.stringify([run.state, run.failure, run.dice, run.epochs, run.report, run['experiment-reports'], run['can-stop']])
    Object.assign(run, { state, failure, dice, epochs, report, cases, 'experiment-reports': now['experiment-reports'], 'can-stop': now['can-stop'] })
    if (run.state !== 'running') this.isStopping = false
    if (run.state === 'finished') this.ending.abort()
    this.live.textContent = run.state === 'running' ? t.live : ''
    if (before !== JSON.stringify([run.state, run.failure, run.dice, run.epochs, run.report, run['experiment-reports'], run['can-stop']])) this.drawHead()
    this.cases.update()
  }

  private drawHead(): void {
    const { head } = this
    // It is made anew with every epoch: who is on a button of it stays there.
    const focused = head.contains(document.activeElement) ? document.activeElement?.textContent : null
    fill(head, ...this.header())
    if (focused) [...head.querySelectorAll<HTMLElement>('a, button')].find((each) => each.textContent === focused)?.focus()
  }

  private drawCurves(): void {
    const { history, epochs } = this.run
    if (history.epoch.length === 0) return fill(this.curves, h('p', { class: 'note' }, t.noCurves))
    fill(this.curves, chart(history, epochs?.of ?? null), numbers(history, this.curves.querySelector('details')?.open ?? false))
  }

  private header(): Node[] {
    const { run } = this
    const state = this.isStopping ? h('span', { class: 'state running' }, t.isStopping) : badge(run.state)
    const reports = run['experiment-reports'] ?? []
    return [
      h('p', { class: 'crumbs' }, h('a', { href: links.runs() }, texts.runs.title), ` › ${run.experiment}`),
      h('h1', {}, run.name, ' ', state),
      h('p', { class: 'note' }, run.description),
      ...(run.failure ? [h('p', { class: 'failure', role: 'alert' }, `${texts.runs.failure}: `, ...coded(run.failure))] : []),
      h('p', { class: 'actions' },
        run.epochs && progress(run.epochs, t.progress),
        run.dice !== null && h('span', {}, `Dice ${number(run.dice, 3)}`),
        run.report && h('a', { href: run.report, target: '_blank', rel: 'noopener' }, t.report),
        h('a', { href: planOf(run), target: '_blank', rel: 'noopener' }, t.plan),
        ...this.buttons()),
      ...(reports.length > 0 ? [h('p', { class: 'actions' }, t.ofExperiment(run.experiment), ...reportLinks(run.experiment, reports))] : []),
    ]
  }

  /** Start and stop, where the server allows it, and stop only of what this server started. */
  private buttons(): Node[] {
    const { run, frame: { about } } = this
    if (!about['allow-run']) return isUnfinished(run) ? [h('span', { class: 'note' }, ...coded(texts.runs.noStart))] : []
    const canStart = run.kind === 'training' && ['new', 'resumable', 'failed', 'trained'].includes(run.state)
    if (canStart) return [button(run.state === 'new' ? t.start : t.resume, () => void this.act('start'))]
    if (run.state !== 'running') return []
    if (!run['can-stop']) return [h('span', { class: 'note' }, t.elsewhere)]
    return [button(t.stop, () => void this.act('stop'), { disabled: this.isStopping })]
  }

  private async act(what: 'start' | 'stop'): Promise<void> {
    const { run } = this
    this.isStopping = what === 'stop'
    this.drawHead()
    try {
      run.state = (await api[what](run.id)).state
      if (what === 'start') run['can-stop'] = true
      if (run.state !== 'running') this.isStopping = false
      say(what === 'start' ? t.started : t.stopping, 'note', 'run')
    } catch (error) {
      this.isStopping = false
      say(error instanceof Refusal ? error.text : String(error), 'error', 'run')
    }
    this.drawHead()
  }
}

const planOf = (run: RunDetails): string => `/api/runs/${encodeURIComponent(run.id)}/plan`

/** The curves in numbers, for those who cannot see them, or want them exactly. */
function numbers(curves: Curves, open: boolean): HTMLElement {
  const heads = [t.epoch, t.loss, t.validationDice].map((text) => h('th', { scope: 'col' }, text))
  const rows = curves.epoch.map((epoch, i) => h('tr', {}, h('td', {}, String(epoch)), h('td', {}, number(curves.loss[i], 4)), h('td', {}, number(curves['validation-dice'][i], 4))))
  return h('details', { open }, h('summary', {}, t.table), h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows))))
}

function settings(run: RunDetails): HTMLElement {
  const rows = run.settings.map(({ key, value }) => h('tr', {}, h('td', {}, key), h('td', { class: 'text' }, h('code', {}, value))))
  const none = h('p', {}, `${t.noSettings} `, h('a', { href: planOf(run), target: '_blank', rel: 'noopener' }, t.planLink))
  return h('details', {}, h('summary', {}, t.settings), h('p', { class: 'note' }, run.folder),
    rows.length === 0 ? none : h('div', { class: 'scroll' }, h('table', {}, h('tbody', {}, ...rows))))
}
