// Which grey values are shown: a window from black to white.

import type { Shown } from './load.ts'

export interface Window {
  low: number
  high: number
}

export type Preset = 'auto' | 'full' | 'soft' | 'liver' | 'lung' | 'bone' | 'brain' | 'mediastinum' | 'own'

/** Level and width in Hounsfield units, as radiology workstations set them. */
const CT: Partial<Record<Preset, [number, number]>> = {
  soft: [40, 400], liver: [80, 150], lung: [-600, 1500], bone: [400, 1800], brain: [40, 80], mediastinum: [50, 350],
}

/** Air has −1000 HU: an image that says no modality and holds values as low as this is taken for a possible CT. */
const AIR = -500

/** The presets for an image; it begins with the first. Files without a modality (NIfTI, NRRD) are not taken for a CT unasked. */
export function presetsOf(shown: Shown): Preset[] {
  const ct = Object.keys(CT) as Preset[]
  if (shown.modality === 'ct') return [...ct, 'auto', 'full', 'own']
  return shown.modality === null && holdsAir(shown) ? ['auto', 'full', ...ct, 'own'] : ['auto', 'full', 'own']
}

/** Ends at the first voxel of air, as a CT's first voxel mostly is. */
function holdsAir({ voxels, slope, intercept }: Shown): boolean {
  for (let i = 0; i < voxels.length; i++) {
    if (slope * voxels[i] + intercept < AIR) return true
  }
  return false
}

export function windowOf(preset: Preset, shown: Shown): Window {
  const ct = CT[preset]
  if (ct) return { low: ct[0] - ct[1] / 2, high: ct[0] + ct[1] / 2 }
  return preset === 'full' ? range(shown, 0, 1) : range(shown, 0.01, 0.99)
}

/** Quantiles of a sample of the voxels. */
function range(shown: Shown, from: number, to: number): Window {
  const step = Math.max(1, Math.floor(shown.voxels.length / 100_000))
  const sample = Float64Array.from({ length: Math.floor((shown.voxels.length - 1) / step) + 1 }, (_, i) => shown.voxels[i * step]).filter(Number.isFinite).sort()
  if (sample.length === 0) return { low: 0, high: 1 }
  const extreme = from === 0 ? extremes(shown) : null
  const at = (share: number): number => sample[Math.round(share * (sample.length - 1))]
  const [a, b] = (extreme ?? [at(from), at(to)]).map((v) => shown.slope * v + shown.intercept)
  const [low, high] = a < b ? [a, b] : [b, a]
  return { low, high: high > low ? high : low + 1 }
}

function extremes(shown: Shown): [number, number] {
  let [low, high] = [Infinity, -Infinity]
  // Not `for … of`, which takes three times as long for a CT.
  for (let i = 0; i < shown.voxels.length; i++) {
    const value = shown.voxels[i]
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}
