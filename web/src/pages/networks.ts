// The choice of a network: the best is offered first, and the last choice is remembered.

import { api } from '../api.ts'
import { field, h, select } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Run } from '../types.ts'
import { canSegment, networkText } from './order.ts'

const KEY = 'segspec-network'

/** Runs whose networks can segment, the best first. */
export const networks = async (): Promise<Run[]> => canSegment((await api.runs()).experiments.flatMap(({ runs }) => runs))

/** A list of networks; `chosen` is the run's id. There must be at least one. */
export function networkChoice(runs: Run[], label: string): { element: HTMLElement; chosen: () => string } {
  const last = read()
  const first = runs.find(({ id }) => id === last) ?? runs[0]
  const finds = h('p', { class: 'note' })
  // The list is cut on a narrow screen: what the network finds stands below it in full.
  const tell = (id: string): void => {
    const names = runs.find((run) => run.id === id)?.['structure-names'] ?? []
    finds.textContent = names.length > 0 ? texts.segment.finds(names.join(', ')) : ''
  }
  const list = select(runs.map((run) => ({ value: run.id, text: networkText(run) })), first.id, (id) => {
    remember(id)
    tell(id)
  })
  tell(first.id)
  return { element: h('div', { class: 'network' }, field(label, list), finds), chosen: () => list.value }
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

function remember(id: string): void {
  try {
    localStorage.setItem(KEY, id)
  } catch {
    // Storage can be forbidden; the best network is then offered first each time.
  }
}
