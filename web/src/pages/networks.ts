// The choice of a network: the best is offered first, and the last choice is remembered.

import { api } from '../api.ts'
import { field, h, select } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Run } from '../types.ts'
import { canSegment, networkText } from './order.ts'

const KEY = 'segspec-network'

/** Runs whose networks can segment, the best first. */
export const networks = async (): Promise<Run[]> => canSegment((await api.runs()).experiments.flatMap(({ runs }) => runs))

/** DICOM's names of modalities, as datasets name them. */
const MODALITIES: Record<string, string> = { CT: 'ct', MR: 'mr', PT: 'pet', US: 'us' }

/** What a network learned from, where images say that they are something else; null where they do not, or nobody knows. */
export function otherModality(run: Run | undefined, modality: string | null | undefined): string | null {
  const [own, its] = [MODALITIES[modality ?? ''], run?.modality]
  return own && its && Object.values(MODALITIES).includes(its) && own !== its ? its.toUpperCase() : null
}

/** A list of networks; `chosen` is the run's id, and `changed` is called when another one is chosen. There must be at least one. */
export function networkChoice(runs: Run[], label: string, changed: () => void = () => undefined): { element: HTMLElement; chosen: () => string } {
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
    changed()
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
