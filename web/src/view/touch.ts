// Fingers on the slices. One draws, measures, or is NiiVue's; two move and zoom the slices, whatever the tool. What the first finger drew
// before the second came was an accident, unless it is plain that it was meant: then it goes on, and the second finger counts for nothing.

import type { Viewer } from './viewer.ts'

/** A touch that is over sooner, or that went less far, may be the beginning of one with two fingers. */
const ACCIDENT_MS = 250
const ACCIDENT_PX = 10

/** Something that is done with one finger, and gives way to two. */
export interface OneFinger {
  /** Whether a touch that begins at a place of the window is not NiiVue's. */
  owns: (clientX: number, clientY: number) => boolean
  /** A second finger came: gives up what the first one began by accident. False: it was meant, and goes on. */
  yields: (time: number) => boolean
}

/** Whether what a pointer began may have been an accident when a second finger comes.
 * @param far pixels that the pointer went since */
export const isAccident = (begun: PointerEvent, far: number, time: number): boolean =>
  begun.pointerType === 'touch' && (time - begun.timeStamp < ACCIDENT_MS || far < ACCIDENT_PX)

export const gap = (one: { clientX: number; clientY: number }, other: { clientX: number; clientY: number }): number =>
  Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)

/** Two fingers that hold a slice. */
interface Pair {
  ids: number[]
  width: number
  move: (clientX: number, clientY: number, factor: number) => void
}

export class Touches {
  readonly surface: HTMLElement
  private readonly viewer: Viewer
  private readonly owners = new Set<OneFinger>()
  /** Fingers on the surface where they are, in the order in which they came. */
  private readonly fingers = new Map<number, PointerEvent>()
  private pair: Pair | null = null
  /** Whether NiiVue must not hear of the touch: it would move the crosshair, and at the end cancel what it never saw. */
  private isOwn = false

  constructor(viewer: Viewer, surface: HTMLElement, signal: AbortSignal) {
    this.viewer = viewer
    this.surface = surface
    const on = (kind: 'pointerdown' | 'pointermove' | 'pointerup' | 'pointercancel', act: (event: PointerEvent) => void): void =>
      surface.addEventListener(kind, (event) => { if (event.pointerType === 'touch') act(event) }, { signal, capture: true })
    on('pointerdown', (event) => this.came(event))
    on('pointermove', (event) => this.moved(event))
    on('pointerup', (event) => this.went(event))
    on('pointercancel', (event) => this.went(event))
    // They come after those of the pointer that they are about.
    for (const kind of ['touchstart', 'touchmove', 'touchend', 'touchcancel'] as const) {
      surface.addEventListener(kind, (event) => { if (this.isOwn) event.stopPropagation() }, { signal, capture: true, passive: true })
    }
  }

  /** Lets something be done with one finger until the signal ends it. */
  add(owner: OneFinger, signal: AbortSignal): void {
    this.owners.add(owner)
    signal.addEventListener('abort', () => this.owners.delete(owner))
  }

  /** Whether a pointer that goes down is no second finger. */
  isAlone({ pointerType }: PointerEvent): boolean {
    return pointerType !== 'touch' || this.fingers.size < 2
  }

  private came(event: PointerEvent): void {
    // No other finger touches the screen: the end of an earlier touch was lost.
    if (event.isPrimary) this.fingers.clear()
    this.fingers.set(event.pointerId, event)
    if (this.fingers.size === 1) {
      this.pair = null
      this.isOwn = [...this.owners].some((owner) => owner.owns(event.clientX, event.clientY))
    } else if (!this.pair) this.hold(event.timeStamp)
  }

  /** Two fingers take hold of the slice below the first of them. */
  private hold(time: number): void {
    const [one, other] = [...this.fingers.values()]
    const move = this.viewer.stage.grip(one, middle(one, other))
    if (!move || ![...this.owners].every((owner) => owner.yields(time))) return
    if (!this.isOwn) this.viewer.stage.forgetTouch()
    this.isOwn = true
    this.pair = { ids: [one.pointerId, other.pointerId], width: Math.max(1, gap(one, other)), move }
  }

  private moved(event: PointerEvent): void {
    if (!this.fingers.has(event.pointerId)) return
    this.fingers.set(event.pointerId, event)
    if (!this.pair?.ids.includes(event.pointerId)) return
    const [one, other] = this.pair.ids.map((id) => this.fingers.get(id)!)
    const { clientX, clientY } = middle(one, other)
    this.pair.move(clientX, clientY, gap(one, other) / this.pair.width)
    this.viewer.follow()
  }

  /** A finger that stays alone does nothing more; with another one it takes hold again. */
  private went({ pointerId, timeStamp }: PointerEvent): void {
    this.fingers.delete(pointerId)
    if (!this.pair?.ids.includes(pointerId)) return
    this.pair = null
    if (this.fingers.size > 1) this.hold(timeStamp)
  }
}

const middle = (one: PointerEvent, other: PointerEvent): { clientX: number; clientY: number } =>
  ({ clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 })
