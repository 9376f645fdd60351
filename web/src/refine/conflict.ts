// What to do where labels cannot be saved: somebody else saved a correction meanwhile, or the server does not take it. Nothing is lost
// without a question.

import { button, dialog, download, fill, h, say } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Correction } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import type { Editor } from './editor.ts'
import { uponOf } from './editor.ts'
import { giveWay } from './renumber.ts'
import type { Saver } from './save.ts'

const t = texts.refine

/** The choices that a person has while somebody else's correction is in the way. */
export function conflictChoices(viewer: Viewer, editor: Editor, saver: Saver, signal: AbortSignal): HTMLElement {
  const element = h('div', { class: 'conflict', role: 'group', 'aria-label': t.conflictTitle, hidden: true })
  const join = async (theirs: Correction): Promise<void> => {
    try {
      const note = giveWay(viewer, { structures: (theirs.structures ?? []).map((each) => ({ ...each, values: [each.value], added: true })) })
      if (note) say(note)
      const slots = await viewer.layers.readCorrection(theirs, signal)
      const since = saver.since
      saver.since = slots
      say(editor.adopt(slots, uponOf({ correction: theirs, prediction: viewer.of.prediction }), since))
      viewer.draw()
      saver.over(theirs.version)
    } catch (error) {
      if (!signal.aborted) say(error instanceof Error ? error.message : String(error), 'error', 'save')
    }
  }
  saver.conflicted = (theirs) => {
    element.hidden = theirs === undefined
    if (theirs === undefined) return fill(element)
    fill(element, h('p', {}, theirs ? t.conflictHow : t.withdrawnHow), h('div', { class: 'buttons' },
      theirs && button(t.joinTheirs, () => void join(theirs)),
      button(theirs ? t.replaceTheirs : t.saveMine, () => saver.over(theirs?.version ?? null)),
      button(t.downloadMine, () => void downloadMine(viewer, saver))))
  }
  return element
}

async function downloadMine(viewer: Viewer, saver: Saver): Promise<void> {
  const bytes = await saver.file()
  download(`${viewer.of.case.replaceAll(/[^\w.-]+/g, '_')}-${t.mine}.nii.gz`, new Blob([bytes], { type: 'application/gzip' }))
}

/** Saves before refining ends. Where that cannot be, asks; false: refining goes on. */
export async function saveOrAsk(viewer: Viewer, saver: Saver): Promise<boolean> {
  if (await saver.settle()) return true
  return new Promise((decided) => {
    let drops = false
    const drop = button(t.drop, () => {
      drops = true
      box.close()
    })
    const box = dialog(t.dropTitle, h('p', {}, t.saveFailed(saver.failure ?? '')), h('p', {}, t.dropHow),
      h('p', { class: 'actions' }, button(t.stay, () => box.close(), { class: 'primary' }), button(t.downloadMine, () => void downloadMine(viewer, saver)), drop))
    box.addEventListener('close', () => decided(drops))
  })
}
