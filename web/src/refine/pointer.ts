// Painting with mouse, pen or finger on the slices.

import { h, say } from '../dom.ts'
import type { Touches } from '../view/touch.ts'
import { gap, isAccident } from '../view/touch.ts'
import type { Viewer } from '../view/viewer.ts'
import { spacing } from '../voxel/grid.ts'
import type { Spot } from '../view/stage.ts'
import type { Editor } from './editor.ts'

/** Pixels that a pointer may move during a click. */
const STILL = 8

/** Lets an editor paint on the surface of touches until the signal ends it. Shift, other buttons and the 3D view stay NiiVue's. */
export function painting(viewer: Viewer, editor: Editor, touches: Touches, signal: AbortSignal): void {
  const { surface } = touches
  const brush = new Brush(viewer, editor)
  const ring = ringOf(viewer, editor, surface, signal)
  surface.classList.add('painting')
  signal.addEventListener('abort', () => surface.classList.remove('painting'))

  surface.addEventListener('pointerdown', (event) => {
    const spot = paints(event) && touches.isAlone(event) ? viewer.stage.spot(event.clientX, event.clientY) : null
    if (!spot || surface.classList.contains('measuring')) return
    event.preventDefault()
    viewer.plane = spot.plane
    if (brush.press(event, spot)) surface.setPointerCapture(event.pointerId)
  }, { signal })
  surface.addEventListener('pointermove', (event) => {
    if (!brush.follows(event)) return
    ring.show(event)
    brush.move(event)
  }, { signal })
  for (const kind of ['pointerup', 'pointercancel', 'lostpointercapture'] as const) surface.addEventListener(kind, (event) => brush.lift(event), { signal })
  // NiiVue would move the crosshair, and with it the slices, under the brush.
  surface.addEventListener('mousedown', (event) => {
    if (paints(event) && viewer.stage.spot(event.clientX, event.clientY)) event.stopPropagation()
  }, { signal, capture: true })
  const yields = (time: number): boolean => {
    ring.hide()
    return brush.yields(time)
  }
  touches.add({ owns: (clientX, clientY) => viewer.stage.spot(clientX, clientY) !== null, yields }, signal)
}

/** What one pointer does, from going down to coming up; others do nothing meanwhile. */
class Brush {
  private readonly viewer: Viewer
  private readonly editor: Editor
  /** The stroke under way: how it began, where it is, and how far it went from its beginning. */
  private stroke: { begun: PointerEvent; last: Spot; far: number } | null = null
  /** Where a click or a filling began: it is one if the pointer comes up there, alone. */
  private pressed: { spot: Spot; event: PointerEvent } | null = null

  constructor(viewer: Viewer, editor: Editor) {
    this.viewer = viewer
    this.editor = editor
  }

  /** A pointer goes down; says whether it begins a stroke. */
  press(event: PointerEvent, spot: Spot): boolean {
    const { editor } = this
    if (editor.tool === 'click' || editor.tool === 'fill') {
      this.pressed = { spot, event }
      return false
    }
    // The first pointer on the surface: the end of an earlier stroke was lost. The hand that holds a pen may touch it, too.
    const isHand = event.pointerType === 'touch' && this.stroke?.begun.pointerType === 'pen'
    if (this.stroke && event.isPrimary && !isHand) this.end()
    if (!editor.beginStroke()) return false
    this.stroke = { begun: event, last: spot, far: 0 }
    editor.brush(spot.point, spot.point, spot.plane)
    return true
  }

  /** Whether a pointer that moves is the one that draws, or one that hovers. */
  follows({ pointerId, pointerType }: PointerEvent): boolean {
    return this.stroke ? pointerId === this.stroke.begun.pointerId : pointerType !== 'touch'
  }

  move(event: PointerEvent): void {
    const { stroke } = this
    if (!stroke) return
    stroke.far = Math.max(stroke.far, gap(stroke.begun, event))
    // Fast strokes come as few events; the browser kept the points in between.
    const moves = event.getCoalescedEvents?.() ?? []
    for (const move of moves.length > 0 ? moves : [event]) {
      const spot = this.viewer.stage.spot(move.clientX, move.clientY)
      if (spot?.plane !== stroke.last.plane) continue
      this.editor.brush(stroke.last.point, spot.point, spot.plane)
      stroke.last = spot
    }
  }

  /** A pointer comes up, or is taken away. */
  lift(event: PointerEvent): void {
    if (event.pointerId === this.stroke?.begun.pointerId) this.end()
    const { pressed } = this
    if (event.pointerId !== pressed?.event.pointerId) return
    this.pressed = null
    if (event.type === 'pointerup' && gap(pressed.event, event) < STILL) this.act(pressed.spot, event.altKey)
  }

  /** A second finger came: see `OneFinger`. */
  yields(time: number): boolean {
    this.pressed = null
    if (!this.stroke) return true
    if (!isAccident(this.stroke.begun, this.stroke.far, time)) return false
    this.stroke = null
    this.editor.dropStroke()
    return true
  }

  private act({ point, plane }: Spot, isNegative: boolean): void {
    const { editor } = this
    if (editor.tool === 'click') return editor.click(point, isNegative)
    const answer = editor.tool === 'fill' && editor.fill(point, plane)
    if (answer) say(answer)
  }

  private end(): void {
    this.editor.endStroke()
    this.stroke = null
  }
}

const paints = (event: MouseEvent): boolean => event.button === 0 && !event.shiftKey && !event.ctrlKey

/** A ring of the size of the brush at the pointer. */
function ringOf(viewer: Viewer, editor: Editor, surface: HTMLElement, signal: AbortSignal): { show: (event: PointerEvent) => void; hide: () => void } {
  const ring = h('div', { class: 'ring', hidden: true })
  let over: PointerEvent | null = null
  const show = (event: PointerEvent): void => {
    over = event
    placeRing(ring, viewer, editor, surface, event)
  }
  const hide = (): void => {
    over = null
    ring.hidden = true
  }
  surface.append(ring)
  signal.addEventListener('abort', () => ring.remove())
  // A key chose another tool or size while the pointer stood still.
  document.addEventListener('keyup', () => { if (over) show(over) }, { signal })
  surface.addEventListener('pointerleave', hide, { signal })
  return { show, hide }
}

/** Shows the size of the brush at the pointer. */
function placeRing(ring: HTMLElement, viewer: Viewer, editor: Editor, surface: HTMLElement, event: PointerEvent): void {
  const spot = viewer.stage.spot(event.clientX, event.clientY)
  ring.hidden = spot === null || editor.tool === 'fill' || editor.tool === 'click'
  if (!spot) return
  const probe = viewer.stage.spot(event.clientX + 20, event.clientY)
  const rect = surface.getBoundingClientRect()
  const across = spot.plane === 0 ? 1 : 0
  const mm = probe && probe.plane === spot.plane ? Math.abs(probe.point[across] - spot.point[across]) * spacing(viewer.shown.orientation.display)[across] : 0
  if (mm > 0) ring.style.width = ring.style.height = `${(2 * editor.radius * 20) / mm}px`
  ring.style.left = `${event.clientX - rect.left}px`
  ring.style.top = `${event.clientY - rect.top}px`
}
