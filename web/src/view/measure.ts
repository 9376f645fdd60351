// Distances between points of a slice: drawn while one drags, then kept as a list.

import { h } from '../dom.ts'
import { texts } from '../texts.ts'
import { distance } from '../voxel/grid.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer

/** Measures on drags over `surface` while switched on. */
export function measuring(viewer: Viewer, surface: HTMLElement, signal: AbortSignal): { toggle: (on?: boolean) => boolean; list: HTMLElement } {
  let isOn = false
  const list = h('ul', { class: 'legend', 'aria-label': t.measures, 'aria-live': 'polite' })
  surface.addEventListener('pointerdown', (event) => {
    const from = isOn && event.button === 0 ? viewer.stage.spot(event.clientX, event.clientY) : null
    if (!from) return
    event.preventDefault()
    surface.setPointerCapture(event.pointerId)
    const line = new Line(surface, event)
    const ending = new AbortController()
    const measure = (move: PointerEvent): string | null => {
      const to = viewer.stage.spot(move.clientX, move.clientY)
      return to?.plane === from.plane ? t.distance(distance(viewer.shown.orientation.display, from.point, to.point).toFixed(1), viewer.shown.unit) : null
    }
    surface.addEventListener('pointermove', (move) => line.to(move, measure(move) ?? ''), { signal: ending.signal })
    const end = (up: PointerEvent): void => {
      ending.abort()
      line.remove()
      const length = measure(up)
      if (length) list.append(h('li', {}, length))
    }
    surface.addEventListener('pointerup', end, { signal: ending.signal })
    surface.addEventListener('pointercancel', () => { ending.abort(); line.remove() }, { signal: ending.signal })
  }, { signal })
  // NiiVue listens for mouse and touch on its canvas and must not hear them while one measures.
  for (const kind of ['mousedown', 'touchstart'] as const) {
    surface.addEventListener(kind, (event) => { if (isOn) event.stopPropagation() }, { signal, capture: true })
  }
  const toggle = (on = !isOn): boolean => {
    isOn = on
    surface.classList.toggle('measuring', isOn)
    return isOn
  }
  return { toggle, list }
}

class Line {
  private readonly svg: SVGSVGElement
  private readonly line: SVGLineElement
  private readonly text: SVGTextElement
  private readonly origin: DOMRect

  constructor(surface: HTMLElement, event: PointerEvent) {
    const make = <K extends keyof SVGElementTagNameMap>(tag: K): SVGElementTagNameMap[K] => document.createElementNS('http://www.w3.org/2000/svg', tag)
    this.svg = make('svg')
    this.svg.setAttribute('class', 'ruler')
    this.line = make('line')
    this.text = make('text')
    this.svg.append(this.line, this.text)
    surface.append(this.svg)
    this.origin = surface.getBoundingClientRect()
    this.put(1, event)
    this.put(2, event)
  }

  private put(end: 1 | 2, event: PointerEvent): void {
    this.line.setAttribute(`x${end}`, String(event.clientX - this.origin.left))
    this.line.setAttribute(`y${end}`, String(event.clientY - this.origin.top))
  }

  to(event: PointerEvent, text: string): void {
    this.put(2, event)
    this.text.setAttribute('x', String(event.clientX - this.origin.left + 10))
    this.text.setAttribute('y', String(event.clientY - this.origin.top - 8))
    this.text.textContent = text
  }

  remove(): void {
    this.svg.remove()
  }
}
