// Brushes: all voxels within a radius in mm of a line, in one slice or in space. Distances are exact also where axes are sheared.

import type { Labels, Members } from './edit.ts'
import { lookup } from './edit.ts'
import type { Grid, Vec3 } from './grid.ts'
import { index, reach } from './grid.ts'

/** What a brush may change. */
export interface Rule {
  /** Only voxels of this structure, or background; null: any. */
  only: Members | null
  /** Only voxels whose image value lies in this range, in display order; null: any. */
  range: { image: ArrayLike<number>; from: number; to: number } | null
}

export const ANYWHERE: Rule = { only: null, range: null }

/** Voxels within `radius` mm of the line from `a` to `b` (voxel indices, need not be whole); the voxels under both ends always belong to it.
 * With `plane`, the axis across a slice, only the slice of `a` is taken. */
export function line(grid: Grid, a: Vec3, b: Vec3, radius: number, plane: number | null): Uint32Array {
  const near = distanceToLine(grid, a, b)
  const far = reach(grid)
  const low = a.map((v, axis) => Math.max(0, Math.ceil(Math.min(v, b[axis]) - radius * far[axis])))
  const high = a.map((v, axis) => Math.min(grid.dims[axis] - 1, Math.floor(Math.max(v, b[axis]) + radius * far[axis])))
  if (plane !== null) low[plane] = high[plane] = Math.round(a[plane])
  const found = new Set<number>()
  const limit = radius * radius * (1 + 1e-9)
  for (let z = low[2]; z <= high[2]; z++) {
    for (let y = low[1]; y <= high[1]; y++) {
      for (let x = low[0]; x <= high[0]; x++) {
        if (near(x, y, z) <= limit) found.add(index(grid.dims, [x, y, z]))
      }
    }
  }
  for (const end of plane === null ? [a, b] : [a, withAxis(b, plane, a[plane])]) {
    const whole = end.map(Math.round) as Vec3
    if (whole.every((v, axis) => v >= 0 && v < grid.dims[axis])) found.add(index(grid.dims, whole))
  }
  return Uint32Array.from(found)
}

function withAxis(point: Vec3, axis: number, value: number): Vec3 {
  const moved: Vec3 = [...point]
  moved[axis] = value
  return moved
}

/** Squared distance in mm from voxels to the line from `a` to `b`. */
function distanceToLine({ matrix: m }: Grid, a: Vec3, b: Vec3): (x: number, y: number, z: number) => number {
  const world = (x: number, y: number, z: number): Vec3 => [
    m[0] * x + m[1] * y + m[2] * z,
    m[4] * x + m[5] * y + m[6] * z,
    m[8] * x + m[9] * y + m[10] * z,
  ]
  const d = world(b[0] - a[0], b[1] - a[1], b[2] - a[2])
  const length = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
  return (x, y, z) => {
    const p = world(x - a[0], y - a[1], z - a[2])
    const t = length > 0 ? Math.min(1, Math.max(0, (p[0] * d[0] + p[1] * d[1] + p[2] * d[2]) / length)) : 0
    return (p[0] - t * d[0]) ** 2 + (p[1] - t * d[1]) ** 2 + (p[2] - t * d[2]) ** 2
  }
}

/** Those of the voxels that a rule lets a brush change. */
export function allowed({ data }: Labels, at: Uint32Array, { only, range }: Rule): Uint32Array {
  const is = only && lookup(only)
  return at.filter((i) => {
    if (is && !is[data[i]]) return false
    return range === null || (range.image[i] >= range.from && range.image[i] <= range.to)
  })
}
