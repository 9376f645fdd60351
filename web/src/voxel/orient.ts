// The page shows and edits every volume in display order: the first axis goes to the patient's right, the second to anterior, the third
// to superior, as nearly as whole axes can.

import type { Grid, Vec3 } from './grid.ts'
import { count } from './grid.ts'
import type { Voxels } from './nifti.ts'

/** How display order follows from the order of the file. */
export interface Orientation {
  /** Grid of the file. */
  file: Grid
  /** Grid in display order, of the same voxels at the same world positions. */
  display: Grid
  /** For each display axis: the axis of the file, and whether it runs backwards. */
  axes: { axis: number; flip: boolean }[]
}

export function orient(file: Grid): Orientation {
  const axes = nearest(file.matrix).map((axis, row) => ({ axis, flip: file.matrix[4 * row + axis] < 0 }))
  const dims = axes.map(({ axis }) => file.dims[axis]) as Vec3
  const matrix: number[] = []
  for (let row = 0; row < 3; row++) {
    let origin = file.matrix[4 * row + 3]
    const line = axes.map(({ axis, flip }, d) => {
      const step = file.matrix[4 * row + axis]
      if (flip) origin += step * (dims[d] - 1)
      return flip ? -step : step
    })
    matrix.push(...line, origin)
  }
  return { file, display: { dims, matrix }, axes }
}

const ORDERS = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

/** For right, anterior, superior: the axis of the file that runs most in that direction, chosen so that all three together fit best. */
function nearest(m: number[]): number[] {
  const length = [0, 1, 2].map((axis) => Math.hypot(m[axis], m[4 + axis], m[8 + axis]))
  const fit = (order: number[]): number => order.reduce((sum, axis, row) => sum + Math.abs(m[4 * row + axis]) / length[axis], 0)
  return ORDERS.reduce((best, order) => (fit(order) > fit(best) + 1e-9 ? order : best))
}

/** Position in the file's array of the first voxel in display order, and the steps along the display axes. */
function walk({ file, display, axes }: Orientation): { start: number; step: Vec3 } {
  const strides = [1, file.dims[0], file.dims[0] * file.dims[1]]
  let start = 0
  const step = axes.map(({ axis, flip }, d) => {
    if (flip) start += strides[axis] * (display.dims[d] - 1)
    return flip ? -strides[axis] : strides[axis]
  }) as Vec3
  return { start, step }
}

/** Copies voxels from the order of the file to display order. */
export function toDisplay<T extends Voxels>(orientation: Orientation, data: T): T {
  const out = like(orientation, data)
  rows(orientation, (at, file, step, length) => {
    if (step === 1) {
      out.set(data.subarray(file, file + length), at)
    } else if (step === -1) {
      const row = out.subarray(at, at + length)
      row.set(data.subarray(file - length + 1, file + 1))
      row.reverse()
    } else {
      for (let x = 0; x < length; x++, file += step) out[at + x] = data[file]
    }
  })
  return out
}

/** Copies voxels from display order to the order of the file: the inverse of `toDisplay`, voxel for voxel. */
export function toFile<T extends Voxels>(orientation: Orientation, data: T): T {
  const out = like(orientation, data)
  rows(orientation, (at, file, step, length) => {
    for (let x = 0; x < length; x++, file += step) out[file] = data[at + x]
  })
  return out
}

/** Room for as many voxels. */
function like<T extends Voxels>({ display }: Orientation, data: T): T {
  if (data.length !== count(display)) throw new Error(`${data.length} voxels do not fill a grid of ${display.dims.join(' × ')}`)
  return new (data.constructor as { new (n: number): T })(data.length)
}

/** Calls for every row along the first display axis: where it begins in display order and in the file, and the step from voxel to voxel there. */
function rows(orientation: Orientation, row: (at: number, file: number, step: number, length: number) => void): void {
  const [nx, ny, nz] = orientation.display.dims
  const { start, step } = walk(orientation)
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) row((z * ny + y) * nx, start + z * step[2] + y * step[1], step[0], nx)
  }
}

/** A slice along a display axis, counted along the axis of the file that it follows: what links and the server's answers count in. */
export function sliceInFile({ axes, display }: Orientation, axis: number, slice: number): { axis: number; slice: number } {
  const { axis: own, flip } = axes[axis]
  return { axis: own, slice: flip ? display.dims[axis] - 1 - slice : slice }
}

/** The inverse of `sliceInFile`. */
export function sliceOnDisplay({ axes, display }: Orientation, axis: number, slice: number): { axis: number; slice: number } {
  const own = axes.findIndex((each) => each.axis === axis)
  return { axis: own, slice: axes[own].flip ? display.dims[own] - 1 - slice : slice }
}
