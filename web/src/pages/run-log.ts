// Lines of a run's log: what they change in what is shown of the run, and how they read.

import { number } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Curves, RunDetails } from '../types.ts'

/** A line of the run's log: `observe::Event` of segspec. */
export interface RunEvent {
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

/** A line as a sentence, without its time. */
export function words(event: RunEvent): string {
  const { epoch } = event
  if (event.event === 'epoch' && epoch !== undefined) {
    const dice = mean(event.validation?.dice)
    return texts.run.logEpoch(epoch, number(event.loss, 4), dice === null ? null : number(dice, 4))
  }
  if (event.event === 'best' && epoch !== undefined) return texts.run.logBest(epoch)
  const what = event.text ?? event.outcome?.reason ?? event.outcome?.state ?? (event.dice === undefined ? '' : `Dice ${number(event.dice, 4)}`)
  return [event.event, epoch, what].filter((part) => part !== undefined && part !== '').join(' ')
}
