// All experiments with their runs, kept up to date while one looks.

import { api } from '../api.ts'
import { fill, h, number } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Run, State } from '../types.ts'

const EVERY_MS = 5000

export async function runsPage({ root, signal, title }: Frame): Promise<void> {
  title(texts.runs.title)
  let wanted = ''
  const filter = h('input', { type: 'search', oninput: () => { wanted = filter.value; draw() }, 'aria-label': texts.runs.filter, placeholder: texts.runs.filter })
  const list = h('div', {})
  fill(root, h('h1', {}, texts.runs.title), filter, list)
  let { experiments, problems = [] } = await api.runs()
  const draw = (): void => {
    const shown = experiments.map(({ name, runs }) => ({ name, runs: runs.filter((run) => matches(run, wanted)) })).filter(({ runs }) => runs.length > 0)
    fill(list, ...shown.map(({ name, runs }) => experiment(name, runs)), experiments.length === 0 && h('p', {}, texts.runs.none),
      problems.length > 0 && h('section', {}, h('h2', {}, texts.runs.problems), h('ul', { class: 'failure' }, ...problems.map((text) => h('li', {}, text)))))
  }
  draw()
  const timer = setInterval(() => {
    // A tab in the background need not ask; a focused row must not be taken from under the reader's hands.
    if (document.hidden || list.contains(document.activeElement)) return
    void api.runs().then((answer) => {
      if (signal.aborted) return
      experiments = answer.experiments
      problems = answer.problems ?? []
      draw()
    }, () => undefined)
  }, EVERY_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
}

function matches(run: Run, wanted: string): boolean {
  const text = `${run.experiment} ${run.name} ${run.id} ${texts.runs.states[run.state]}`.toLowerCase()
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

function experiment(name: string, runs: Run[]): HTMLElement {
  const c = texts.runs.columns
  const head = h('tr', {}, ...[c.name, c.state, c.progress, c.dice, c.started].map((text) => h('th', { scope: 'col' }, text)))
  return h('section', { 'aria-label': name },
    h('h2', {}, name, ' ', h('small', {}, texts.runs.count(runs.length))),
    h('div', { class: 'scroll' }, h('table', { class: 'runs' }, h('thead', {}, head), h('tbody', {}, ...runs.map(row)))))
}

function row(run: Run): HTMLElement {
  return h('tr', { 'data-run': run.id },
    h('td', {}, h('a', { href: links.run(run.id) }, run.name), run.kind !== 'training' && h('small', {}, ` ${texts.runs.kinds[run.kind]}`)),
    h('td', { class: 'text' }, badge(run.state), run.failure && h('p', { class: 'failure' }, run.failure)),
    h('td', {}, run.epochs ? progress(run.epochs) : '–'),
    h('td', {}, number(run.dice, 3)),
    h('td', {}, time(run.started)))
}

export const badge = (state: State): HTMLElement => h('span', { class: `state ${state}` }, texts.runs.states[state])

export function progress({ done, of }: { done: number; of: number }): HTMLElement {
  const text = texts.runs.epochs(done, of)
  return h('span', { class: 'progress' }, h('progress', { max: of, value: done, 'aria-label': text }), text)
}

export const time = (text: string | null): string =>
  text === null ? '–' : new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
