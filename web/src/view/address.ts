// What of a view goes into its address, so that a link and a reload bring it back.

import type { FileSlice } from '../route.ts'
import { formatSlices } from '../route.ts'
import type { Show } from './layers.ts'
import type { Layout } from './stage.ts'
import type { Viewer } from './viewer.ts'

const LAYOUTS: Layout[] = ['axial', 'coronal', 'sagittal', 'render']

/** Writes the view into a query. What is as at first is left out. `slices`: null for another case, whose slices are others. */
export function write(query: URLSearchParams, viewer: Viewer, slices: FileSlice[] | null): void {
  const put = (key: string, value: string | null): void => (value === null ? query.delete(key) : query.set(key, value))
  put('slice', slices && formatSlices(slices))
  put('show', viewer.show)
  put('panes', viewer.layout === 'all' ? null : viewer.layout)
  put('hide', hidden(viewer))
  put('map', viewer.chosenMap?.structure ?? null)
  const { low, high } = viewer.stage.window
  put('grey', viewer.preset === viewer.usual ? null : viewer.preset === 'own' ? `${short(low)},${short(high)}` : viewer.preset)
}

const short = (value: number): string => String(Number(value.toPrecision(6)))

/** Values of the structures that are not drawn; null where they are the usual ones. */
function hidden({ layers }: Viewer): string | null {
  const { hidden: now, usual, palette } = layers
  if (now.size === usual.size && [...now].every((slot) => usual.has(slot))) return null
  return [...now].map((slot) => palette.slots[slot].value).sort((a, b) => a - b).join()
}

/** Shows what the query says, but for the slices. Panes come first: 3D takes longest to draw, and may not be wanted. */
export async function read(query: URLSearchParams, viewer: Viewer): Promise<void> {
  const { layers, shown } = viewer
  const layout = query.get('panes') as Layout | null
  // Single slices are shown as what they are.
  const thin = shown.orientation.display.dims.indexOf(1)
  if (layout === null && thin >= 0) viewer.setLayout((['sagittal', 'coronal', 'axial'] as const)[thin])
  if (layout !== null && LAYOUTS.includes(layout)) viewer.setLayout(layout)
  if (query.has('hide')) hide(query.get('hide')!, viewer)
  readGrey(query.get('grey'), viewer)
  const show = query.get('show') as Show | null
  if (show && layers.shows.includes(show)) await viewer.setShow(show)
  else viewer.draw()
}

function hide(values: string, { layers }: Viewer): void {
  const wanted = new Set(values.split(',').filter(Boolean).map(Number))
  layers.hidden.clear()
  layers.palette.slots.forEach(({ value }, slot) => { if (slot > 0 && wanted.has(value)) layers.hide(slot, true) })
}

function readGrey(text: string | null, viewer: Viewer): void {
  const preset = viewer.presets.find((each) => each === text && each !== 'own')
  if (preset) return viewer.setPreset(preset)
  const [low, high] = (text ?? '').split(',').map(Number)
  if (text?.includes(',') && Number.isFinite(low) && high > low) viewer.setWindow({ low, high })
}
