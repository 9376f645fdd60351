// Probability maps: which one is shown, how its colours read, and the way to have them made.

import { button, field, fill, h, hush, say, select } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Case } from '../types.ts'
import type { Part } from './panel.ts'
import { probabilityGradient } from './probability.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer

/** Lets the server make the probability maps of the case; tells the share that is done. */
export type MakeMaps = (progress: (share: number) => void) => Promise<Case['probabilities']>

async function choose(viewer: Viewer, at: number | null, signal: AbortSignal): Promise<void> {
  try {
    await viewer.setProbability(at, signal)
    hush('maps')
  } catch (error) {
    if (signal.aborted) return
    say(error instanceof Error ? error.message : String(error), 'error', 'maps')
    viewer.changed()
  }
}

/** Shows the map of a structure that a link names. */
export async function openMap(viewer: Viewer, structure: string, signal: AbortSignal): Promise<void> {
  const at = viewer.of.probabilities.findIndex((each) => each.structure === structure)
  if (at < 0) say(t.noMap(structure))
  else await choose(viewer, at, signal)
}

/** What the colours mean, from 0 to 1. */
function legend(): HTMLElement {
  const bar = h('i', { class: 'scale', 'aria-hidden': 'true' })
  bar.style.backgroundImage = probabilityGradient()
  return h('div', { class: 'probability', hidden: true }, h('p', {}, h('span', {}, '0'), bar, h('span', {}, '1'), h('small', {}, t.probabilityScale)), h('p', { class: 'note' }, t.mapNote))
}

/** The choice of a map; a button that makes the maps, where the server has none yet. */
export function maps(viewer: Viewer, make: MakeMaps | null, signal: AbortSignal): Part {
  const element = h('div', {})
  const scale = legend()
  let list: HTMLSelectElement | null = null
  const update = (): void => {
    const at = viewer.chosenMap?.at ?? null
    scale.hidden = at === null
    if (list) list.value = at === null ? '' : String(at)
  }
  const draw = (): void => {
    const all = viewer.of.probabilities
    const options = [{ value: '', text: t.noProbability }, ...all.map(({ structure }, i) => ({ value: String(i), text: structure }))]
    list = all.length > 0 ? select(options, '', (value) => void choose(viewer, value === '' ? null : Number(value), signal)) : null
    fill(element, ...(list ? [field(t.probability, list), scale] : [make && button(t.makeProbabilities, () => void ask(make))]))
    update()
  }
  const ask = async (maker: MakeMaps): Promise<void> => {
    const status = h('p', { class: 'note', role: 'status' })
    fill(element, status)
    try {
      viewer.of.probabilities = await maker((share) => { status.textContent = t.makingProbabilities(`${Math.round(100 * share)} %`) })
      hush('maps')
    } catch (error) {
      if (signal.aborted) return
      say(error instanceof Error ? error.message : String(error), 'error', 'maps')
    }
    draw()
  }
  draw()
  return { element, update }
}
