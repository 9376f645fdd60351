// Filling and clearing by connectivity.

import { bounds, each, reachable, steps, whole, within } from './component.ts'
import type { Edit, Labels } from './edit.ts'
import { NOTHING, toValue } from './edit.ts'
import type { Vec3 } from './grid.ts'
import { index } from './grid.ts'

/** Gives the piece of equal voxels around a voxel another value, across faces: in space, or in the slice across the axis `plane`.
 * Background that reaches the border of the image is not filled: `open` says so. */
export function flood(labels: Labels, from: Vec3, value: number, plane: number | null): { edit: Edit; open: boolean } {
  const { grid: { dims }, data } = labels
  const start = index(dims, from)
  const old = data[start]
  if (old === value) return { edit: NOTHING, open: false }
  const piece = reachable(dims, whole(dims), start, (at) => data[at] === old, new Uint8Array(data.length), within(steps(6), plane))
  const open = old === 0 && piece.some((at) => onBorder(dims, at, plane))
  return { edit: open ? NOTHING : toValue(labels, piece, value), open }
}

function onBorder(dims: Vec3, at: number, plane: number | null): boolean {
  const point = [at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1]))]
  return point.some((v, axis) => axis !== plane && (v === 0 || v === dims[axis] - 1))
}

/** Fills the holes of a structure with it: background from which no way across faces leads out of the structure, in space or in each slice
 * across the axis `plane`. Other structures that lie in a hole stay. */
export function fillHoles(labels: Labels, value: number, plane: number | null): Edit {
  const { grid: { dims }, data } = labels
  const tight = bounds(data, dims, value)
  if (!tight) return NOTHING
  const seen = new Uint8Array(data.length)
  const by = within(steps(6), plane)
  const filled: number[] = []
  each(dims, tight, (at) => {
    if (seen[at] || data[at] === value) return
    const piece = reachable(dims, tight, at, (next) => data[next] !== value, seen, by)
    const leaves = piece.some((next) => onFace(tight.low, tight.high, dims, next, plane))
    if (!leaves) for (const next of piece) if (data[next] === 0) filled.push(next)
  })
  return toValue(labels, filled, value)
}

/** Whether a voxel lies at a face of a box: from there, the way out of the structure is free. */
function onFace(low: Vec3, high: Vec3, dims: Vec3, at: number, plane: number | null): boolean {
  const point = [at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1]))]
  return point.some((v, axis) => axis !== plane && (v === low[axis] || v === high[axis] - 1))
}

/** Clears all but the largest piece of a structure, connected also across edges and corners (26), as `predict.largest-component` does.
 * Of two equally large pieces, the one that comes first in the array stays. */
export function keepLargest(labels: Labels, value: number): { edit: Edit; pieces: number } {
  const { grid: { dims }, data } = labels
  const box = bounds(data, dims, value)
  if (!box) return { edit: NOTHING, pieces: 0 }
  const seen = new Uint8Array(data.length)
  const by = steps(26)
  const pieces: number[][] = []
  each(dims, box, (at) => {
    if (!seen[at] && data[at] === value) pieces.push(reachable(dims, box, at, (next) => data[next] === value, seen, by))
  })
  const largest = pieces.reduce((best, piece) => (piece.length > best.length ? piece : best))
  const rest = pieces.filter((piece) => piece !== largest).flat()
  return { edit: toValue(labels, rest, 0), pieces: pieces.length }
}

/** Clears the voxels of a structure whose image values lie outside a range. */
export function threshold(labels: Labels, value: number, image: ArrayLike<number>, from: number, to: number): Edit {
  const { grid: { dims }, data } = labels
  const box = bounds(data, dims, value)
  if (!box) return NOTHING
  const cleared: number[] = []
  each(dims, box, (at) => {
    if (data[at] === value && !(image[at] >= from && image[at] <= to)) cleared.push(at)
  })
  return toValue(labels, cleared, 0)
}
