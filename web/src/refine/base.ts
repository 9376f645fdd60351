// The choice of what the labels start from.

import { button, dialog, field, fill, h, select } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Base, Editor } from './editor.ts'
import type { RefinePanel } from './panel.ts'

const t = texts.refine

export function baseChoice(editor: Editor): RefinePanel {
  const list = select<Base>([], editor.base, (base) => {
    if (!editor.holdsWork) return editor.restart(base)
    // Until the question is answered, the list says what the labels start from.
    update()
    ask(editor, base).addEventListener('close', update)
  }, { title: t.replaces })
  let drawn = ''
  const update = (): void => {
    // Somebody else's correction can come to those that one can start from.
    if (drawn !== editor.bases.join()) {
      drawn = editor.bases.join()
      fill(list, ...editor.bases.map((value) => h('option', { value }, t.bases[value])))
    }
    list.value = editor.base
  }
  update()
  return { element: field(t.base, list), update }
}

/** Another start is saved by itself like every change, and once the page is left, nothing brings back what was drawn. */
function ask(editor: Editor, base: Base): HTMLDialogElement {
  const box = dialog(t.restart(t.bases[base]), h('p', {}, t.restartHow), h('p', { class: 'actions' }, button(t.restartNow, () => {
    editor.restart(base)
    box.close()
  })))
  return box
}
