// Slices as pictures: where their corners are, and their grey levels.

import type { Grid, Vec3 } from './grid.ts'
import { toWorld } from './grid.ts'

/** Corners of a voxel slice in world mm, from its outer edges, in the order of a picture: its first axis changes fastest. */
export function corners(grid: Grid, plane: number, slice: number): Vec3[] {
  const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
  return [[0, 0], [1, 0], [0, 1], [1, 1]].map(([a, b]) => {
    const point: Vec3 = [0, 0, 0]
    point[plane] = slice
    point[u] = a * grid.dims[u] - 0.5
    point[v] = b * grid.dims[v] - 0.5
    return toWorld(grid, point)
  })
}

/** Red, green, blue, alpha of a slice; `low` is black and `high` white, in values of the image (slope × stored + intercept). */
export function greys(
  voxels: ArrayLike<number>,
  dims: Vec3,
  { slope, intercept, low, high }: { slope: number; intercept: number; low: number; high: number },
  plane: number,
  slice: number,
): { data: Uint8Array; width: number; height: number } {
  const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
  const strides = [1, dims[0], dims[0] * dims[1]]
  const data = new Uint8Array(4 * dims[u] * dims[v])
  let at = 0
  for (let j = 0; j < dims[v]; j++) {
    for (let i = 0; i < dims[u]; i++) {
      const stored = voxels[slice * strides[plane] + i * strides[u] + j * strides[v]]
      const level = Math.max(0, Math.min(255, (255 * (slope * stored + intercept - low)) / (high - low)))
      data.fill(level, at, at + 3)
      data[at + 3] = 255
      at += 4
    }
  }
  return { data, width: dims[u], height: dims[v] }
}
