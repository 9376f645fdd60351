// Painting with mouse, pen or finger on the slices.

import { h, say } from '../dom.ts'
import { ownTouches } from '../view/touch.ts'
import type { Viewer } from '../view/viewer.ts'
import { spacing } from '../voxel/grid.ts'
import type { Spot } from '../view/stage.ts'
import type { Editor } from './editor.ts'

/** Pixels that a pointer may move during a click. */
const STILL = 8

/** Lets an editor paint on `surface` until the signal ends it. Shift, other buttons and the 3D view stay NiiVue's. */
export function painting(viewer: Viewer, editor: Editor, surface: HTMLElement, signal: AbortSignal): void {
  let last: Spot | null = null
  /** Where a click began: it is one if the pointer comes up there, alone. */
  let pressed: { spot: Spot; event: PointerEvent } | null = null
  const ring = h('div', { class: 'ring', hidden: true })
  surface.append(ring)
  surface.classList.add('painting')
  signal.addEventListener('abort', () => {
    ring.remove()
    surface.classList.remove('painting')
  })

  surface.addEventListener('pointerdown', (event) => {
    const spot = paints(event) ? viewer.stage.spot(event.clientX, event.clientY) : null
    if (!spot || surface.classList.contains('measuring')) return
    event.preventDefault()
    viewer.plane = spot.plane
    if (editor.tool === 'click') {
      pressed = event.isPrimary ? { spot, event } : null
      return
    }
    if (editor.tool === 'fill') {
      const answer = editor.fill(spot.point, spot.plane)
      if (answer) say(answer)
      return
    }
    // The first pointer on the surface: the end of an earlier stroke was lost.
    if (event.isPrimary) end()
    if (!editor.beginStroke()) return
    surface.setPointerCapture(event.pointerId)
    last = spot
    editor.brush(spot.point, spot.point, spot.plane)
  }, { signal })

  let over: PointerEvent | null = null
  // A key chose another tool or size while the pointer stood still.
  document.addEventListener('keyup', () => { if (over) placeRing(ring, viewer, editor, surface, over) }, { signal })
  surface.addEventListener('pointermove', (event) => {
    over = event
    placeRing(ring, viewer, editor, surface, event)
    if (!last) return
    // Fast strokes come as few events; the browser kept the points in between.
    const moves = event.getCoalescedEvents?.() ?? []
    for (const move of moves.length > 0 ? moves : [event]) {
      const spot = viewer.stage.spot(move.clientX, move.clientY)
      if (spot?.plane !== last.plane) continue
      editor.brush(last.point, spot.point, spot.plane)
      last = spot
    }
  }, { signal })

  const end = (): void => {
    if (last) editor.endStroke()
    last = null
  }
  for (const kind of ['pointerup', 'pointercancel', 'lostpointercapture'] as const) surface.addEventListener(kind, end, { signal })
  surface.addEventListener('pointerup', (event) => {
    const moved = pressed && Math.hypot(event.clientX - pressed.event.clientX, event.clientY - pressed.event.clientY)
    if (pressed && event.pointerId === pressed.event.pointerId && moved! < STILL) editor.click(pressed.spot.point, event.altKey)
    pressed = null
  }, { signal })
  surface.addEventListener('pointerleave', () => {
    over = null
    ring.hidden = true
  }, { signal })
  // NiiVue would move the crosshair, and with it the slices, under the brush.
  surface.addEventListener('mousedown', (event) => {
    if (paints(event) && viewer.stage.spot(event.clientX, event.clientY)) event.stopPropagation()
  }, { signal, capture: true })
  ownTouches(surface, (touch) => viewer.stage.spot(touch.clientX, touch.clientY) !== null, signal)
}

const paints = (event: MouseEvent): boolean => event.button === 0 && !event.shiftKey && !event.ctrlKey

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
