// Filling and clearing by connectivity.

import { bounds, each, reachable, steps, whole, within } from './component.ts'
import type { Edit, Labels, Members } from './edit.ts'
import { lookup, NOTHING, toStructure, toValue } from './edit.ts'
import type { Vec3 } from './grid.ts'
import { index } from './grid.ts'

/** Puts the piece of a structure, or of background, around a voxel into another structure, across faces: in space, or in the slice across the
 * axis `plane`. Background that reaches the border of the image is not filled: `open` says so.
 * @param around what the voxel belongs to */
export function flood(labels: Labels, from: Vec3, around: Members, members: Members, plane: number | null): { edit: Edit; open: boolean } {
  const { grid: { dims }, data } = labels
  const start = index(dims, from)
  const old = data[start]
  if (members.includes(old)) return { edit: NOTHING, open: false }
  const same = lookup(around)
  const piece = reachable(dims, whole(dims), start, (at) => same[data[at]] === 1, new Uint8Array(data.length), within(steps(6), plane))
  const open = old === 0 && piece.some((at) => onBorder(dims, at, plane))
  return { edit: open ? NOTHING : toStructure(labels, piece, members), open }
}

function onBorder(dims: Vec3, at: number, plane: number | null): boolean {
  const point = [at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1]))]
  return point.some((v, axis) => axis !== plane && (v === 0 || v === dims[axis] - 1))
}

/** Fills the holes of a structure with it: background from which no way across faces leads out of the structure, in space or in each slice
 * across the axis `plane`. Other structures that lie in a hole stay. */
export function fillHoles(labels: Labels, members: Members, plane: number | null): Edit {
  const { grid: { dims }, data } = labels
  const own = lookup(members)
  const tight = bounds(data, dims, own)
  if (!tight) return NOTHING
  const seen = new Uint8Array(data.length)
  const by = within(steps(6), plane)
  const filled: number[] = []
  each(dims, tight, (at) => {
    if (seen[at] || own[data[at]]) return
    const piece = reachable(dims, tight, at, (next) => !own[data[next]], seen, by)
    const leaves = piece.some((next) => onFace(tight.low, tight.high, dims, next, plane))
    if (!leaves) for (const next of piece) if (data[next] === 0) filled.push(next)
  })
  return toStructure(labels, filled, members)
}

/** Whether a voxel lies at a face of a box: from there, the way out of the structure is free. */
function onFace(low: Vec3, high: Vec3, dims: Vec3, at: number, plane: number | null): boolean {
  const point = [at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1]))]
  return point.some((v, axis) => axis !== plane && (v === low[axis] || v === high[axis] - 1))
}

/** Clears all but the largest piece of a structure, connected also across edges and corners (26), as `predict.largest-component` does.
 * Of two equally large pieces, the one that comes first in the array stays. */
export function keepLargest(labels: Labels, members: Members): { edit: Edit; pieces: number } {
  const { grid: { dims }, data } = labels
  const own = lookup(members)
  const box = bounds(data, dims, own)
  if (!box) return { edit: NOTHING, pieces: 0 }
  const seen = new Uint8Array(data.length)
  const by = steps(26)
  const pieces: number[][] = []
  each(dims, box, (at) => {
    if (!seen[at] && own[data[at]]) pieces.push(reachable(dims, box, at, (next) => own[data[next]] === 1, seen, by))
  })
  const largest = pieces.reduce((best, piece) => (piece.length > best.length ? piece : best))
  const rest = pieces.filter((piece) => piece !== largest).flat()
  return { edit: toValue(labels, rest, 0), pieces: pieces.length }
}

/** Clears the voxels of a structure whose image values lie outside a range. */
export function threshold(labels: Labels, members: Members, image: ArrayLike<number>, from: number, to: number): Edit {
  const { grid: { dims }, data } = labels
  const own = lookup(members)
  const box = bounds(data, dims, own)
  if (!box) return NOTHING
  const cleared: number[] = []
  each(dims, box, (at) => {
    if (own[data[at]] && !(image[at] >= from && image[at] <= to)) cleared.push(at)
  })
  return toValue(labels, cleared, 0)
}
