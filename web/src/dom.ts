// Small helpers for building pages.

import { texts } from './texts.ts'

type Child = Node | string | null | undefined | false
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>

/** An element. Attributes that are false, null or undefined are left out; `onclick` and the like take functions. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false))
  return element
}

/** A text whose parts between backticks are code. */
export const coded = (text: string): (Node | string)[] => text.split('`').map((part, i) => (i % 2 === 1 ? h('code', {}, part) : part))

/** Replaces what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false))
}

/** Draws the inside of an element anew. The focus stays on the control with the same `data-key`. */
export function redraw(element: HTMLElement, draw: () => void): void {
  const key = document.activeElement instanceof HTMLElement && element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined
  draw()
  if (key) element.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus()
}

export const button = (text: string, onclick: () => void, attributes: Attributes = {}): HTMLButtonElement =>
  h('button', { type: 'button', onclick: () => onclick(), ...attributes }, text)

/** A labelled control: the label names it for the eye and for screen readers. */
export function field(label: string, control: HTMLElement, ...more: Child[]): HTMLElement {
  control.id ||= `field-${(fields += 1)}`
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, ...more)
}

let fields = 0

export function checkbox(label: Child, checked: boolean, changed: (on: boolean) => void, attributes: Attributes = {}): HTMLLabelElement {
  const input = h('input', { type: 'checkbox', onchange: () => changed(input.checked), ...attributes })
  input.checked = checked
  return h('label', { class: 'check' }, input, label)
}

export function select<T extends string>(options: { value: T; text: string }[], value: T, changed: (value: T) => void, attributes: Attributes = {}): HTMLSelectElement {
  const element = h('select', { onchange: () => changed(element.value as T), ...attributes })
  element.append(...options.map((option) => h('option', { value: option.value }, option.text)))
  element.value = value
  return element
}

export function slider(value: number, [min, max, step]: [number, number, number], changed: (value: number) => void, attributes: Attributes = {}): HTMLInputElement {
  const input = h('input', { type: 'range', min, max, step, oninput: () => changed(Number(input.value)), ...attributes })
  input.value = String(value)
  return input
}

/** A choice of one among a few, with radio buttons that look like one row of buttons. */
export function choice<T extends string>(
  legend: string,
  options: { value: T; text: string }[],
  value: T,
  changed: (value: T) => void,
): { element: HTMLFieldSetElement; set: (value: T) => void } {
  const name = `choice-${(choices += 1)}`
  const inputs = options.map((option) => {
    const input = h('input', { type: 'radio', name, value: option.value, onchange: () => changed(option.value) })
    input.checked = option.value === value
    return input
  })
  const labels = options.map((option, i) => h('label', {}, inputs[i], h('span', {}, option.text)))
  const element = h('fieldset', { class: 'choice' }, h('legend', {}, legend), h('div', {}, ...labels))
  return { element, set: (next) => inputs.forEach((input) => { input.checked = input.value === next }) }
}

let choices = 0

export const swatch = (color: string): HTMLElement => {
  const mark = h('i', { class: 'swatch', 'aria-hidden': 'true' })
  mark.style.background = color
  return mark
}

/** A dialog that closes with Escape, its button, or a click beside it; the focus goes back where it was. It begins at its title: the first
 * button may be far below. */
export function dialog(title: string, ...children: Child[]): HTMLDialogElement {
  const element = h('dialog', { 'aria-label': title }, h('div', { class: 'dialog' }, h('h2', { tabindex: -1, autofocus: true }, title), ...children,
    h('p', { class: 'actions' }, button(texts.close, () => element.close()))))
  element.addEventListener('click', (event) => { if (event.target === element) element.close() })
  element.addEventListener('close', () => element.remove())
  document.body.append(element)
  element.showModal()
  return element
}

/** More at a time would cover the page. */
const MOST_SAID = 2

/** Says something in the corner for a while, also to screen readers.
 * @param about what was tried: what was said about it before is over */
export function say(text: string, kind: 'note' | 'error' = 'note', about: Topic | null = null): void {
  const region = document.getElementById('messages') ?? messages()
  if (about) hush(about)
  const message = h('p', { class: kind, 'data-about': about }, ...coded(text), kind === 'error' && button('×', () => message.remove(), { 'aria-label': texts.dismiss, title: texts.dismissKey }))
  // What is said again takes the place of what was said.
  for (const earlier of [...region.children]) if (earlier.textContent === message.textContent) earlier.remove()
  region.append(message)
  // A note never takes an error away: the error may tell that something was not saved.
  while (region.children.length > MOST_SAID) (region.querySelector('.note') ?? region.firstElementChild)!.remove()
  setTimeout(() => message.remove(), kind === 'error' ? 9000 : 3500)
}

/** What messages can be about: something that is tried again when it failed. */
export type Topic = 'save' | 'dataset' | 'maps' | 'run' | 'job' | 'upload' | 'click' | 'structure' | 'withdraw' | 'labels' | 'slice'

function messages(): HTMLElement {
  const region = h('div', { id: 'messages', role: 'status', 'aria-live': 'polite' })
  document.body.append(region)
  // They cover what lies below them, and the button that closes one is small. In a dialog, Escape closes the dialog.
  addEventListener('keydown', ({ key }) => { if (key === 'Escape' && !document.querySelector('dialog[open]')) region.replaceChildren() })
  return region
}

/** Takes errors away that were said: all, since what they are about is left, or those about what has succeeded by now. */
export function hush(about: Topic | null = null): void {
  for (const message of document.querySelectorAll<HTMLElement>('#messages > .error')) if (!about || message.dataset.about === about) message.remove()
}

/** Downloads what is at an address; without a name, the server gives it one. */
export function fetchFile(url: string, name = ''): void {
  const link = h('a', { href: url, download: name })
  document.body.append(link)
  link.click()
  link.remove()
}

/** Offers bytes or text as a download. */
export function download(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob)
  fetchFile(url, name)
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

export const number = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined || !Number.isFinite(value) ? '–' : rounded(value, digits)

/** Rounded, without the sign of what is rounded to 0. */
export const rounded = (value: number, digits: number): string => (Number(value.toFixed(digits)) + 0).toFixed(digits)
