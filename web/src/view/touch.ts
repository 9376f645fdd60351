// Touches that are somebody else's than NiiVue's.

/** Keeps a touch with one finger from NiiVue, from its beginning to its end, where `isOwn` says so at its beginning: NiiVue would move the
 * crosshair, and at the end cancel what it never saw. A second finger makes the touch NiiVue's. */
export function ownTouches(surface: HTMLElement, isOwn: (touch: Touch) => boolean, signal: AbortSignal): void {
  let own = false
  surface.addEventListener('touchstart', (event) => { own = event.touches.length === 1 && isOwn(event.touches[0]) }, { signal, capture: true })
  for (const kind of ['touchstart', 'touchmove', 'touchend', 'touchcancel'] as const) {
    surface.addEventListener(kind, (event) => { if (own) event.stopPropagation() }, { signal, capture: true, passive: true })
  }
}
