// Who corrected the case, and when; and the way to take a correction away.

import { api, Refusal } from '../api.ts'
import { time } from '../dates.ts'
import { button, dialog, fill, h, say } from '../dom.ts'
import type { Source } from '../route.ts'
import { texts } from '../texts.ts'
import type { Correction } from '../types.ts'
import type { Part } from './panel.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer

export function corrected(viewer: Viewer, source: Source): Part {
  const element = h('section', { class: 'corrected' })
  let drawn: Correction | null | undefined
  return {
    element,
    update: () => {
      const { correction } = viewer.of
      // While one refines, the controls of refining say it.
      element.hidden = correction === null || viewer.draft !== null
      if (correction === drawn) return
      drawn = correction
      if (!correction) return fill(element)
      fill(element, h('p', {}, t.corrected(correction.who, time(correction.when))), h('p', {}, button(t.withdraw, () => ask(viewer, source, correction))))
    },
  }
}

function ask(viewer: Viewer, source: Source, correction: Correction): void {
  const box = dialog(t.withdraw, h('p', {}, t.corrected(correction.who, time(correction.when))), h('p', {}, t.withdrawQuestion),
    h('p', { class: 'actions' }, button(t.withdrawNow, () => {
      box.close()
      void withdraw(viewer, source, correction)
    })))
}

async function withdraw(viewer: Viewer, source: Source, { version }: Correction): Promise<void> {
  try {
    await api.withdraw(source, version)
  } catch (error) {
    return say(error instanceof Refusal ? error.text : String(error), 'error', 'withdraw')
  }
  viewer.of.correction = null
  viewer.layers.correction = null
  if (viewer.show === 'correction') await viewer.setShow(viewer.layers.prediction ? 'prediction' : viewer.layers.shows[0])
  say(t.withdrawnDone, 'note', 'withdraw')
  viewer.changed()
}
