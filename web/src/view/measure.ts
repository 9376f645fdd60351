// Distances between points of a slice: drawn on it, and kept as a list until somebody removes them.

import { button, fill, h } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { distance } from '../voxel/grid.ts'
import type { Touches } from './touch.ts'
import { gap, isAccident } from './touch.ts'
import type { Viewer } from './viewer.ts'

const t = texts.viewer
const COLOR = '#ffd54a'

/** A distance between two places, in voxels, in a slice across `plane`. */
interface Distance {
  plane: number
  from: Vec3
  to: Vec3
  text: string
}

/** Where a distance is seen now, in pixels of the surface. */
interface Line {
  from: [number, number]
  to: [number, number]
  text: string
}

export interface Measuring {
  toggle: (on?: boolean) => boolean
  list: HTMLElement
  /** Draws the distances that are seen now. */
  paint: (context: CanvasRenderingContext2D) => void
}

/** Measures on drags over the surface of touches while switched on. */
export function measuring(viewer: Viewer, touches: Touches, signal: AbortSignal): Measuring {
  const { surface } = touches
  let isOn = false
  let drag: Drag | null = null
  let kept: Distance[] = []
  const svg = make('svg', { class: 'ruler' })
  surface.append(svg)
  const lines = (): Line[] => kept.flatMap((each) => seen(viewer, each))
  const draw = (): void => svg.replaceChildren(...lines().flatMap(shape))
  viewer.stage.onDrawn(draw, signal)

  const list = h('div', { class: 'measures', 'aria-label': t.measures, role: 'group' })
  const remove = (gone: (each: Distance) => boolean): void => {
    kept = kept.filter((each) => !gone(each))
    show()
  }
  const show = (): void => {
    const row = (each: Distance): HTMLElement => h('li', {}, each.text, ' ', button('×', () => remove((other) => other === each), { class: 'small', 'aria-label': t.removeMeasure(each.text), title: t.removeMeasure(each.text) }))
    fill(list, h('ul', { class: 'legend', 'aria-live': 'polite' }, ...kept.map(row)), kept.length > 1 && button(t.clearMeasures, () => remove(() => true)))
    draw()
  }

  surface.addEventListener('pointerdown', (event) => {
    const from = isOn && event.button === 0 && touches.isAlone(event) ? viewer.stage.spot(event.clientX, event.clientY) : null
    if (!from) return
    event.preventDefault()
    surface.setPointerCapture(event.pointerId)
    const own: Distance = { plane: from.plane, from: from.point, to: from.point, text: '' }
    kept.push(own)
    drag = new Drag(surface, event, (move) => {
      const to = viewer.stage.spot(move.clientX, move.clientY)
      if (to?.plane !== own.plane) return
      own.to = to.point
      own.text = t.distance(distance(viewer.shown.orientation.display, own.from, own.to).toFixed(1), viewer.shown.unit)
      draw()
    }, (isDone) => (isDone && own.text !== '' ? show() : remove((each) => each === own)))
  }, { signal })
  // NiiVue listens for mouse and touch on its canvas and must not hear them while one measures.
  surface.addEventListener('mousedown', (event) => { if (isOn) event.stopPropagation() }, { signal, capture: true })
  touches.add({ owns: () => isOn, yields: (time) => drag?.yields(time) ?? true }, signal)
  const toggle = (on = !isOn): boolean => {
    isOn = on
    surface.classList.toggle('measuring', isOn)
    return isOn
  }
  return { toggle, list, paint: (context) => lines().forEach((line) => stroke(context, line)) }
}

/** Follows a pointer that went down until it comes up or is taken away. */
class Drag {
  private readonly begun: PointerEvent
  private readonly ended: (isDone: boolean) => void
  private readonly ending = new AbortController()
  private far = 0

  constructor(surface: HTMLElement, begun: PointerEvent, moved: (event: PointerEvent) => void, ended: (isDone: boolean) => void) {
    this.begun = begun
    this.ended = ended
    const on = (kind: 'pointermove' | 'pointerup' | 'pointercancel', act: (event: PointerEvent) => void): void =>
      surface.addEventListener(kind, (event) => { if (event.pointerId === begun.pointerId) act(event) }, { signal: this.ending.signal })
    on('pointermove', (event) => {
      this.far = Math.max(this.far, gap(begun, event))
      moved(event)
    })
    on('pointerup', (event) => {
      moved(event)
      this.end(true)
    })
    on('pointercancel', () => this.end(false))
  }

  /** A second finger came: see `OneFinger`. */
  yields(time: number): boolean {
    if (this.ending.signal.aborted) return true
    const isOver = isAccident(this.begun, this.far, time)
    if (isOver) this.end(false)
    return isOver
  }

  private end(isDone: boolean): void {
    this.ending.abort()
    this.ended(isDone)
  }
}

/** Where a distance is seen: in the panes whose slice is that in which it was measured. */
function seen({ stage }: Viewer, { plane, from, to, text }: Distance): Line[] {
  const [a] = stage.places(from, plane)
  const [b] = stage.places(to, plane)
  return a && b ? [{ from: a, to: b, text }] : []
}

const make = <K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number>): SVGElementTagNameMap[K] => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}

function shape({ from: [x1, y1], to: [x2, y2], text }: Line): SVGElement[] {
  const label = make('text', { x: x2 + 10, y: y2 - 8 })
  label.textContent = text
  return [make('line', { x1, y1, x2, y2 }), label]
}

function stroke(context: CanvasRenderingContext2D, { from, to, text }: Line): void {
  context.strokeStyle = context.fillStyle = COLOR
  context.lineWidth = 2
  context.beginPath()
  context.moveTo(...from)
  context.lineTo(...to)
  context.stroke()
  context.font = '14px system-ui, sans-serif'
  context.fillText(text, to[0] + 10, to[1] - 8)
}
