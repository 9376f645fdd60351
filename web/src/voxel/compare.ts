// Comparison of a prediction with a reference, voxel by voxel.

import type { Vec3 } from './grid.ts'

/** Values of an error map. */
export const MISSED = 1
export const ADDED = 2
export const SWAPPED = 3

/** Where the labels differ: what only the reference has is missed, what only the prediction has is added, two structures are swapped.
 * @param classes for each slot what it counts as; 0: background
 * @param ignored slot of reference voxels that count for nothing; null: none */
export function errors(reference: Uint8Array, prediction: Uint8Array, classes: Uint8Array, ignored: number | null): Uint8Array {
  return reference.map((slot, i) => {
    const own = classes[slot]
    const other = classes[prediction[i]]
    if (own === other || slot === ignored) return 0
    if (other === 0) return MISSED
    return own === 0 ? ADDED : SWAPPED
  })
}

/** The slice with the most marked voxels across an axis; the first of equals. Null where nothing is marked. */
export function worstSlice(marked: Uint8Array, dims: Vec3, axis: number): { slice: number; voxels: number } | null {
  const perSlice = new Float64Array(dims[axis])
  const stride = [1, dims[0], dims[0] * dims[1]][axis]
  for (let at = 0; at < marked.length; at++) if (marked[at]) perSlice[Math.floor(at / stride) % dims[axis]]++
  let slice = 0
  for (let i = 1; i < perSlice.length; i++) if (perSlice[i] > perSlice[slice]) slice = i
  return perSlice[slice] > 0 ? { slice, voxels: perSlice[slice] } : null
}

/** Number of voxels of each value. */
export function tally(data: Uint8Array): number[] {
  const counts = new Array<number>(256).fill(0)
  for (let i = 0; i < data.length; i++) counts[data[i]]++
  return counts
}
