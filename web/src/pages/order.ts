// In which order runs are listed, and which network is offered first.

import { texts } from '../texts.ts'
import type { Run } from '../types.ts'

export type Order = 'dice' | 'name' | 'started'
export const ORDERS: Order[] = ['dice', 'name', 'started']

/** By name as people count: seed 2 before seed 10. */
const byName = (a: Run, b: Run): number => a.name.localeCompare(b.name, undefined, { numeric: true })

const COMPARE: Record<Order, (a: Run, b: Run) => number> = {
  dice: (a, b) => (b.dice ?? -1) - (a.dice ?? -1) || byName(a, b),
  name: byName,
  started: (a, b) => (b.started ?? '').localeCompare(a.started ?? '') || byName(a, b),
}

/** Runs without a Dice, or not started, come last. */
export const ordered = (runs: Run[], order: Order): Run[] => [...runs].sort(COMPARE[order])

/** The runs whose networks can segment, the best first. */
export const canSegment = (runs: Run[]): Run[] =>
  ordered(runs.filter((run) => run['can-segment']), 'dice')

/** A run among those of all experiments. */
export const fullName = (run: { experiment: string; name: string }): string => `${run.experiment}: ${run.name}`

/** What a list of networks says of one: how good it is, and what it finds. */
export function networkText(run: Run): string {
  const dice = run.dice === null ? null : run.dice.toFixed(3)
  return texts.segment.runOf(fullName(run), dice, (run['structure-names'] ?? []).join(', '))
}

/** The kind of a run, unless its name tells it. */
export const kindOf = (run: Run): string | null =>
  run.kind === 'training' || run.name.includes(run.kind) ? null : texts.runs.kinds[run.kind]

/** Every word that is looked for is in the run's name, experiment or state. */
export function matches(run: Run, wanted: string): boolean {
  const text = `${run.experiment} ${run.name} ${run.id} ${texts.runs.states[run.state]}`.toLowerCase()
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}
