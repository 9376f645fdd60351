// Marks on the slices where clicks were made.

import { h } from '../dom.ts'
import type { Click } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import { fromWorld } from '../voxel/grid.ts'

/** Shows clicks on `surface` until the signal ends it; the returned function brings the marks up to date. `waiting`: the one that is being followed. */
export function marking(viewer: Viewer, surface: HTMLElement, clicks: () => { made: Click[]; waiting: Click | null }, signal: AbortSignal): () => void {
  const layer = h('div', { class: 'marks', 'aria-hidden': 'true' })
  surface.append(layer)
  const place = (): void => {
    const { made, waiting } = clicks()
    const all = waiting ? [...made, waiting] : made
    layer.replaceChildren(...all.flatMap((click) => {
      const at = fromWorld(viewer.shown.orientation.display, click['at-mm'])
      return viewer.stage.places(at).map(([x, y]) => {
        const mark = h('span', { class: click === waiting ? 'mark waiting' : 'mark' }, click.positive ? '+' : '−')
        mark.style.left = `${x}px`
        mark.style.top = `${y}px`
        mark.style.borderColor = viewer.layers.colorOf(click.structure)
        return mark
      })
    }))
  }
  viewer.stage.onDrawn(place, signal)
  signal.addEventListener('abort', () => layer.remove())
  return place
}
