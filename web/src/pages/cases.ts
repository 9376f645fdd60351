// Cases of a run with their scores, the worst first; corrections, and what to look at next.

import { api, Refusal } from '../api.ts'
import { button, coded, field, fill, h, number, say } from '../dom.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { CaseRow, Correction, Queued, RunDetails } from '../types.ts'
import { time } from './runs.ts'

/** The section, and what draws it anew after its run got other cases or scores. */
export async function casesSection(run: RunDetails): Promise<{ element: HTMLElement; update: () => void }> {
  const [scores, disagreements] = [h('div', {}), h('div', {})]
  let drawn = ''
  // Both lists are extras: a server that cannot give one still shows the cases. Only ensembles have members that can disagree.
  const queue = async (): Promise<Queued[]> => (run.kind === 'ensemble' ? api.queue(run.id).catch(() => []) : [])
  const draw = async (): Promise<void> => {
    drawn = JSON.stringify(run.cases)
    const focused = scores.contains(document.activeElement) ? document.activeElement?.textContent : null
    fill(scores, table(run))
    if (focused) [...scores.querySelectorAll('a')].find((link) => link.textContent === focused)?.focus()
    fill(disagreements, queueSection(run, await queue()))
  }
  const [corrections] = await Promise.all([api.corrections(run.id).catch(() => []), draw()])
  const element = h('section', {}, h('h2', {}, texts.run.cases), scores, disagreements, correctionsSection(run, corrections))
  return { element, update: () => { if (drawn !== JSON.stringify(run.cases)) void draw() } }
}

function table(run: RunDetails): HTMLElement {
  if (run.cases.length === 0) return h('p', { class: 'note' }, texts.run.noCases)
  const byDice = [...run.cases].sort((a, b) => (a.dice ?? Infinity) - (b.dice ?? Infinity))
  const heads = [texts.run.case, texts.run.mean, ...run.structures.flatMap(({ name }) => [texts.run.dice(name), texts.run.hd95(name)])]
  return h('div', {}, h('p', { class: 'note' }, texts.run.worstFirst),
    h('div', { class: 'scroll' }, h('table', {},
      h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, ...byDice.map((row) => line(run, row))))))
}

function line(run: RunDetails, row: CaseRow): HTMLElement {
  const name = row.predicted ? h('a', { href: links.case({ of: 'run', run: run.id, name: row.name }) }, row.name) : row.name
  return h('tr', {},
    h('td', {}, name, !row.predicted && h('small', {}, ` ${texts.run.unpredicted}`)),
    h('td', {}, number(row.dice, 3)),
    ...run.structures.flatMap((structure) => {
      const scores = row.scores[structure.name]
      return [h('td', {}, number(scores?.dice, 3)), h('td', {}, number(scores?.hd95, 1))]
    }))
}

function queueSection(run: RunDetails, queue: Queued[]): HTMLElement | null {
  if (queue.length === 0) return null
  const items = queue.map(({ case: name, disagreement }) =>
    h('li', {}, h('a', { href: links.case({ of: 'run', run: run.id, name }) }, name), ` ${number(disagreement, 3)}`))
  return h('details', { open: true }, h('summary', {}, texts.run.queue), h('p', { class: 'note' }, texts.run.queueMeasure(queue[0].measure)), h('ol', {}, ...items))
}

function correctionsSection(run: RunDetails, corrections: Correction[]): HTMLElement | null {
  if (corrections.length === 0) return null
  const items = corrections.map((each) =>
    h('li', {}, h('a', { href: `${links.case({ of: 'run', run: run.id, name: each.case })}?show=correction` }, texts.run.corrected(each.case, each.who, time(each.when)))))
  const name = h('input', { value: 'corrected', size: 18 })
  const answer = h('p', { role: 'status' })
  const write = async (): Promise<void> => {
    try {
      const { file, cases, 'left-out': leftOut = [], added = [] } = await api.dataset(run.id, name.value.trim())
      fill(answer, texts.run.datasetDone(file, cases.length), leftOut.length > 0 && ` ${texts.run.datasetLeftOut(leftOut.join(', '))}`, added.length > 0 && ` ${texts.run.datasetAdded(added.join(', '))}`,
        ' ', ...coded(texts.run.datasetNext(name.value.trim())))
    } catch (error) {
      say(error instanceof Refusal ? `${error.message} ${error.help ?? ''}` : String(error), 'error')
    }
  }
  return h('details', { open: true }, h('summary', {}, texts.run.corrections), h('ul', {}, ...items),
    h('p', { class: 'actions' }, field(texts.run.datasetName, name), button(texts.run.dataset, () => void write())), answer)
}
