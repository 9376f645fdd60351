// All experiments with their runs, kept up to date while one looks.

import { api } from '../api.ts'
import { time } from '../dates.ts'
import { button, coded, field, fill, h, number, select } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { ReportPage, Run, RunList, State } from '../types.ts'
import type { Order } from './order.ts'
import { kindOf, matches, ordered, ORDERS } from './order.ts'

const EVERY_MS = 5000
const t = texts.runs

export async function runsPage({ root, signal, title, about }: Frame): Promise<void> {
  title(t.title)
  let [wanted, order]: [string, Order] = ['', 'dice']
  const filter = h('input', { type: 'search', oninput: () => { wanted = filter.value; draw() }, 'aria-label': t.filter, placeholder: t.filter })
  const sorting = select(ORDERS.map((value) => ({ value, text: t.orders[value] })), order, (value) => { order = value; draw() })
  const list = h('div', {})
  const note = h('p', { class: 'note', hidden: true }, ...coded(t.noStart))
  fill(root, h('h1', {}, t.title), h('p', { class: 'actions' }, filter, field(t.order, sorting)), note, list)
  let all = await api.runs()
  const clear = (): void => {
    filter.value = wanted = ''
    draw()
    filter.focus()
  }
  const draw = (): void => {
    note.hidden = about['allow-run'] || !all.experiments.some(({ runs }) => runs.some(isUnfinished))
    const shown = all.experiments.map(({ runs, ...more }) => ({ ...more, runs: ordered(runs.filter((run) => matches(run, wanted)), order) })).filter(({ runs }) => runs.length > 0)
    const isEmpty = all.experiments.length > 0 && shown.length === 0
    fill(list, ...shown.map(experiment), all.experiments.length === 0 && h('p', {}, ...coded(t.none)),
      isEmpty && h('p', { role: 'status' }, `${t.noneFits(wanted.trim())} `, button(t.clearFilter, clear)),
      ...comparisons(all.reports ?? []), problems(all.problems ?? []))
  }
  draw()
  const timer = setInterval(() => {
    // A tab in the background need not ask; a focused row must not be taken from under the reader's hands.
    if (document.hidden || list.contains(document.activeElement)) return
    void api.runs().then((answer) => {
      if (signal.aborted) return
      all = answer
      draw()
    }, () => undefined)
  }, EVERY_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
}

/** Whether a run could be resumed, or stopped. */
export const isUnfinished = ({ kind, state }: Run): boolean => kind === 'training' && ['new', 'running', 'resumable', 'failed', 'trained'].includes(state)

function experiment({ name, runs, reports = [] }: RunList['experiments'][number]): HTMLElement {
  const c = t.columns
  const head = h('tr', {}, ...[c.name, c.state, c.progress, c.dice, c.started].map((text) => h('th', { scope: 'col', class: text === c.state ? 'text' : null }, text)))
  return h('section', { 'aria-label': name },
    h('h2', {}, name, ' ', h('small', {}, t.count(runs.length))),
    reports.length > 0 && h('p', { class: 'actions' }, ...reportLinks(name, reports)),
    h('div', { class: 'scroll' }, stacked(h('table', { class: 'runs stack' }, h('thead', {}, head), h('tbody', {}, ...runs.map(row))))))
}

/** Links to the pages of a report; they open beside this page, which has no frame for them. */
export const reportLinks = (name: string, pages: ReportPage[]): HTMLElement[] => pages.map(({ page, url }) =>
  h('a', { href: url, target: '_blank', rel: 'noopener', 'aria-label': `${t.reports[page]}: ${name}` }, t.reports[page]))

function comparisons(reports: NonNullable<RunList['reports']>): HTMLElement[] {
  if (reports.length === 0) return []
  const items = reports.map(({ name, pages }) => h('li', {}, h('span', { class: 'actions' }, name, ...reportLinks(name, pages))))
  return [h('section', { 'aria-label': t.comparisons }, h('h2', {}, t.comparisons), h('p', { class: 'note' }, ...coded(t.comparisonsHow)), h('ul', {}, ...items))]
}

const problems = (texts_: string[]): HTMLElement | null => texts_.length === 0 ? null
  : h('section', {}, h('h2', {}, t.problems), h('ul', { class: 'failure' }, ...texts_.map((text) => h('li', {}, ...coded(text)))))

function row(run: Run): HTMLElement {
  const kind = kindOf(run)
  const c = t.columns
  return h('tr', { 'data-run': run.id },
    h('td', {}, h('a', { href: links.run(run.id) }, run.name), kind && h('small', {}, ` ${kind}`)),
    h('td', { class: 'text', 'data-label': c.state }, badge(run.state), run.failure && h('p', { class: 'failure' }, ...coded(run.failure))),
    h('td', { 'data-label': c.progress }, run.epochs ? progress(run.epochs, t.epochs) : '–'),
    h('td', { 'data-label': c.dice }, number(run.dice, 3)),
    h('td', { 'data-label': c.started }, time(run.started)))
}

/** On narrow screens rows stand below each other, and browsers would take that for no table. */
export function stacked(table: HTMLTableElement): HTMLTableElement {
  const roles = { thead: 'rowgroup', tbody: 'rowgroup', tr: 'row', th: 'columnheader', td: 'cell' }
  table.setAttribute('role', 'table')
  for (const [tag, role] of Object.entries(roles)) for (const element of table.querySelectorAll(tag)) element.setAttribute('role', role)
  return table
}

export const badge = (state: State): HTMLElement => h('span', { class: `state ${state}` }, t.states[state])

export function progress({ done, of }: { done: number; of: number }, words: (done: number, of: number) => string): HTMLElement {
  const text = words(done, of)
  return h('span', { class: 'progress' }, h('progress', { max: of, value: done, 'aria-label': text }), text)
}

