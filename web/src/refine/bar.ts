// What is needed all the time while one refines: back, forth, and whether it is saved. It stays in view beside the slices.

import { button, h } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Editor } from './editor.ts'
import type { RefinePanel } from './panel.ts'
import type { Saver } from './save.ts'

const t = texts.refine

export function actionBar(editor: Editor, saver: Saver): RefinePanel {
  const undo = button(t.undo, () => editor.undo())
  const redo = button(t.redo, () => editor.redo())
  const status = h('p', { class: 'save', role: 'status' }, t.nothing)
  saver.told = (text, failed) => {
    status.textContent = text
    status.classList.toggle('failed', failed)
  }
  const update = (): void => {
    undo.disabled = !editor.canUndo
    redo.disabled = !editor.canRedo
  }
  update()
  return { element: h('div', { role: 'group', 'aria-label': t.title }, undo, redo, button(t.save, () => void saver.flush()), status), update }
}
