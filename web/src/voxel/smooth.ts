// Smoothing of a structure's surface.

import type { Box } from './component.ts'
import { bounds, each } from './component.ts'
import type { Edit, Labels, Members } from './edit.ts'
import { lookup, NOTHING } from './edit.ts'
import type { Vec3 } from './grid.ts'
import { spacing } from './grid.ts'

/** Blurs the mask of a structure with a Gaussian of `sigma` mm and keeps what is at least one half. The structure grows only into
 * background; what it loses becomes background. At the border of the image, the mask goes on as it is there. */
export function smooth(labels: Labels, members: Members, sigma: number): Edit {
  const { grid, data } = labels
  const own = lookup(members)
  const kernels = spacing(grid).map((mm) => gaussian(sigma / mm))
  const box = bounds(data, grid.dims, own, kernels.map((kernel) => (kernel.length - 1) / 2) as Vec3)
  if (!box) return NOTHING
  const size = box.high.map((v, axis) => v - box.low[axis]) as Vec3
  let field = cut(data, grid.dims, box, own)
  kernels.forEach((kernel, axis) => { field = blur(field, size, axis, kernel) })
  const at: number[] = []
  const to: number[] = []
  let k = 0
  each(grid.dims, box, (i) => {
    const isIn = field[k++] >= 0.5 - 1e-6
    if (isIn && data[i] === 0) at.push(i), to.push(members[0])
    if (!isIn && own[data[i]]) at.push(i), to.push(0)
  })
  return { at: Uint32Array.from(at), to: Uint8Array.from(to) }
}

function cut(data: Uint8Array, dims: Vec3, box: Box, own: Uint8Array): Float32Array {
  const size = box.high.map((v, axis) => v - box.low[axis])
  const field = new Float32Array(size[0] * size[1] * size[2])
  let k = 0
  each(dims, box, (at) => { field[k++] = own[data[at]] })
  return field
}

/** Weights of a Gaussian up to three times `sigma` (in voxels); one weight alone where it is too narrow to reach a neighbour. */
export function gaussian(sigma: number): number[] {
  const radius = sigma < 0.2 ? 0 : Math.ceil(3 * sigma)
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => (radius === 0 ? 1 : Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma))))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((w) => w / sum)
}

function blur(field: Float32Array, size: Vec3, axis: number, kernel: number[]): Float32Array {
  const radius = (kernel.length - 1) / 2
  if (radius === 0) return field
  const out = new Float32Array(field.length)
  const stride = [1, size[0], size[0] * size[1]][axis]
  const n = size[axis]
  for (let at = 0; at < field.length; at++) {
    const here = Math.floor(at / stride) % n
    let sum = 0
    for (let k = -radius; k <= radius; k++) {
      const there = Math.min(n - 1, Math.max(0, here + k))
      sum += kernel[k + radius] * field[at + (there - here) * stride]
    }
    out[at] = sum
  }
  return out
}
