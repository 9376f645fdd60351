// Keys of the viewer, and the dialog that lists them.

import { dialog, h } from '../dom.ts'
import { texts } from '../texts.ts'

export interface Key {
  /** As `KeyboardEvent.key` says; with `Ctrl+` before it where Ctrl (or ⌘) is held. */
  keys: string[]
  /** How the help shows them. */
  shown: string
  text: string
  act: (key: string, event: KeyboardEvent) => void
  /** Whether it does something now; else it is the browser's. */
  when?: () => boolean
}

/** Acts on keys unless they belong to a control: arrows in a slider or radio group, letters in a text field. */
export function bind(keys: Key[], signal: AbortSignal): void {
  let byPointer = false
  addEventListener('pointerdown', () => { byPointer = true }, { signal, capture: true })
  const acts = new Map(keys.flatMap((key) => key.keys.map((name) => [name, key] as const)))
  const handle = (event: KeyboardEvent): void => {
    if (event.key === 'Tab') byPointer = false
    if (event.altKey || document.querySelector('dialog[open]')) return
    const name = (event.ctrlKey || event.metaKey ? 'Ctrl+' : '') + (event.key.length === 1 ? event.key.toLowerCase() : event.key)
    const key = acts.get(name)
    if (!key || belongs(event.target, name, byPointer) || key.when?.() === false) return
    event.preventDefault()
    // Some browsers press a button when Space comes up.
    if (name === ' ') addEventListener('keyup', (up) => { if (up.key === ' ') up.preventDefault() }, { signal, capture: true, once: true })
    event.stopPropagation()
    key.act(name, event)
  }
  addEventListener('keydown', handle, { signal, capture: true })
}

/** Whether a key is that of the control with the focus. A button that was clicked with a pointer keeps a focus that nobody sees: Space would
 * press it again, and arrows would choose another tool. */
function belongs(target: EventTarget | null, name: string, byPointer: boolean): boolean {
  if (!(target instanceof HTMLElement)) return false
  const isPress = (name === ' ' || name === 'Enter') && !byPointer
  if (target instanceof HTMLInputElement) {
    if (['checkbox', 'color', 'button'].includes(target.type)) return isPress
    if (target.type === 'radio') return isPress || (name.startsWith('Arrow') && !byPointer)
    return target.type !== 'range' || /^(Arrow|Page|Home|End)/.test(name)
  }
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return true
  return ['BUTTON', 'A', 'SUMMARY'].includes(target.tagName) && isPress
}

export function showKeys(keys: Key[]): void {
  const row = (left: string, right: string): HTMLElement => h('tr', {}, h('td', {}, ...left.split(' ').flatMap((each) => [each === '–' ? ' – ' : h('kbd', {}, each), ' '])), h('td', { class: 'text' }, right))
  const mouse = texts.keys.mouse.map(([left, right]) => h('tr', {}, h('td', {}, left), h('td', { class: 'text' }, right)))
  dialog(texts.viewer.help, h('table', {}, h('tbody', {}, ...keys.map(({ shown, text }) => row(shown, text)), ...mouse)))
}
