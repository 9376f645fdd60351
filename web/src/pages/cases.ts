// Cases of a run with their scores, the worst first; corrections, and what to look at next.

import { api, Refusal } from '../api.ts'
import { time } from '../dates.ts'
import { button, checkbox, coded, field, fill, h, hush, number, say } from '../dom.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { CaseRow, Correction, NewDataset, Queued, RunDetails, Scores } from '../types.ts'


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
  const unit = unitOf(run.cases)
  const heads = [texts.run.case, texts.run.mean, ...run.structures.flatMap(({ name }) => [texts.run.dice(name), texts.run.hd95(name, unit)])]
  return h('div', {}, h('p', { class: 'note' }, texts.run.worstFirst),
    h('div', { class: 'scroll' }, h('table', {},
      h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, ...byDice.map((row) => line(run, row, unit))))))
}

/** Servers that tell no unit score in mm. */
const wordOf = (unit: Scores['unit']): string => texts.run.units[unit ?? 'mm'] ?? unit

/** The unit of all distances of a run; null where some images have a spacing and others have none: each distance then has its own beside it. */
function unitOf(cases: CaseRow[]): string | null {
  const units = new Set(cases.flatMap(({ scores }) => Object.values(scores)).flatMap(({ hd95, unit }) => (hd95 === null ? [] : [wordOf(unit)])))
  if (units.size > 1) return null
  return [...units][0] ?? wordOf('mm')
}

function line(run: RunDetails, row: CaseRow, unit: string | null): HTMLElement {
  const name = row.predicted ? h('a', { href: links.case({ of: 'run', run: run.id, name: row.name }) }, row.name) : row.name
  return h('tr', {},
    h('td', {}, name, !row.predicted && h('small', {}, ` ${texts.run.unpredicted}`)),
    h('td', {}, number(row.dice, 3)),
    ...run.structures.flatMap((structure) => {
      const scores = row.scores[structure.name]
      const hd95 = number(scores?.hd95, 1)
      const isAlone = unit !== null || typeof scores?.hd95 !== 'number'
      return [h('td', {}, number(scores?.dice, 3)), h('td', {}, isAlone ? hd95 : texts.run.distance(hd95, wordOf(scores.unit)))]
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
  const keep = checkbox(texts.run.datasetKeep, false, () => undefined)
  keep.title = texts.run.datasetKeepHow
  const answer = h('p', { role: 'status' })
  const write = async (): Promise<void> => {
    try {
      // What an earlier try came to is over.
      fill(answer)
      const written = await api.dataset(run.id, name.value.trim(), keep.querySelector('input')!.checked)
      hush('dataset')
      fill(answer, ...datasetNotes(written).flatMap((text) => [...coded(text), ' ']), ...coded(texts.run.datasetNext(name.value.trim())))
    } catch (error) {
      say(error instanceof Refusal ? error.text : String(error), 'error', 'dataset')
    }
  }
  return h('details', { open: true }, h('summary', {}, texts.run.corrections), h('ul', {}, ...items),
    h('p', { class: 'actions' }, field(texts.run.datasetName, name), keep, button(texts.run.dataset, () => void write())), answer)
}

/** What a person should know of a dataset that was written. */
export function datasetNotes(written: NewDataset): string[] {
  const t = texts.run
  const { file, cases, moved = [], test = 0, added = [], inseparable = [], 'left-out': leftOut = [] } = written
  const notes = [t.datasetDone(file, cases.length)]
  if (moved.length > 0) notes.push(t.datasetMoved(moved.join(', '), test))
  if (moved.length > 0 && written['own-split']) notes.push(t.datasetOwnSplit)
  if (written['cross-validation']) notes.push(t.datasetFolds)
  if (leftOut.length > 0) notes.push(t.datasetLeftOut(leftOut.join(', ')))
  for (const names of inseparable) notes.push(t.datasetInseparable(names.join(', ')))
  if (added.length > 0) notes.push(t.datasetAdded(added.join(', ')))
  return notes
}
