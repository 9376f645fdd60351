// From the server's files to voxels in display order.

import { api } from '../api.ts'
import { texts } from '../texts.ts'
import type { Image } from '../types.ts'
import type { Volume, Voxels } from '../voxel/nifti.ts'
import { read, unzip } from '../voxel/nifti.ts'
import type { Orientation } from '../voxel/orient.ts'
import { orient, toDisplay } from '../voxel/orient.ts'
import { count, sameGrid } from '../voxel/grid.ts'

/** An image that is shown: everything else of the case lies on its grid. */
export interface Shown {
  orientation: Orientation
  /** Stored voxels in display order; value = slope × stored + intercept. */
  voxels: Voxels
  slope: number
  intercept: number
  modality: string | null
  /** Whether the image is gone, and its grid stands here without values. */
  isBlank: boolean
  /** Unit of lengths: pictures have no spacing. */
  unit: 'mm' | 'voxels'
}

async function volume(image: Image, query: Record<string, string>, signal: AbortSignal): Promise<Volume> {
  const url = new URL(image.url, location.href)
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  try {
    return read(await unzip(await api.bytes(url.href, signal)))
  } catch (error) {
    if (signal.aborted || !(error instanceof Error) || error.name === 'Refusal') throw error
    throw new Error(texts.errors.image(image.name, error.message))
  }
}

export async function loadImage(image: Image, channel: number, signal: AbortSignal): Promise<Shown> {
  const { grid, data, slope, intercept } = await volume(image, image.channels > 1 ? { channel: String(channel) } : {}, signal)
  const orientation = orient(grid)
  return { orientation, voxels: toDisplay(orientation, data), slope, intercept, modality: image.modality, isBlank: false, unit: unitOf(image) }
}

/** Voxels of another file of the case, in display order, with its scaling. */
export async function loadOn(shown: Shown, image: Image, signal: AbortSignal, query: Record<string, string> = {}): Promise<Omit<Volume, 'grid'>> {
  const { grid, data, slope, intercept } = await volume(image, query, signal)
  if (!sameGrid(grid, shown.orientation.file)) throw new Error(texts.errors.grid(image.name))
  return { data: toDisplay(shown.orientation, data), slope, intercept }
}

/** The grid of a label file with nothing on it, where the image itself cannot be had. */
export async function loadBlank(labels: Image, signal: AbortSignal): Promise<Shown> {
  const { grid } = await volume(labels, labels.masks ? { mask: '0' } : {}, signal)
  return { orientation: orient(grid), voxels: new Uint8Array(count(grid)), slope: 1, intercept: 0, modality: null, isBlank: true, unit: unitOf(labels) }
}

const unitOf = (image: Image): Shown['unit'] => (image['has-spacing'] === false ? 'voxels' : 'mm')

/** Value of a voxel as the image means it. */
export const valueAt = (shown: Shown, at: number): number => shown.slope * shown.voxels[at] + shown.intercept
