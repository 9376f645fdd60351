// Interpolation between slices by shape: signed distances to the outlines of two slices are averaged (Raya & Udupa, IEEE TMI 1990).

import { bounds } from './component.ts'
import type { Edit, Labels, Members } from './edit.ts'
import { lookup, NOTHING, toStructure } from './edit.ts'
import type { Vec3 } from './grid.ts'
import { spacing } from './grid.ts'

/** Fills slices without a structure between slices that have it, across the axis `plane`. Only background is filled. Between two slices
 * whose outlines do not overlap, the slices in the middle can stay empty. */
export function interpolate(labels: Labels, members: Members, plane: number): Edit {
  const { grid, data } = labels
  const own = lookup(members)
  const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
  const margin: Vec3 = [1, 1, 1]
  margin[plane] = 0
  const box = bounds(data, grid.dims, own, margin)
  if (!box) return NOTHING
  const strides = [1, grid.dims[0], grid.dims[0] * grid.dims[1]]
  const size: [number, number] = [box.high[u] - box.low[u], box.high[v] - box.low[v]]
  const mm = spacing(grid)
  const place = (slice: number, k: number): number =>
    slice * strides[plane] + (box.low[u] + (k % size[0])) * strides[u] + (box.low[v] + Math.floor(k / size[0])) * strides[v]
  const mask = (slice: number): Uint8Array => {
    const out = new Uint8Array(size[0] * size[1])
    for (let k = 0; k < out.length; k++) out[k] = own[data[place(slice, k)]]
    return out
  }
  const filled: number[] = []
  const outline = (slice: number): Float64Array => signedDistance(mask(slice), size, [mm[u], mm[v]])
  let before: number | null = null
  for (let slice = box.low[plane]; slice < box.high[plane]; slice++) {
    if (!mask(slice).includes(1)) continue
    if (before !== null && slice > before + 1) {
      const [lower, upper] = [outline(before), outline(slice)]
      for (let middle = before + 1; middle < slice; middle++) {
        const t = (middle - before) / (slice - before)
        for (let k = 0; k < lower.length; k++) {
          const at = place(middle, k)
          if (data[at] === 0 && (1 - t) * lower[k] + t * upper[k] < 0) filled.push(at)
        }
      }
    }
    before = slice
  }
  return toStructure(labels, filled, members)
}

/** Distance in mm of each pixel to the outline of a mask that holds something: negative inside, positive outside. Axis 0 changes fastest. */
export function signedDistance(mask: Uint8Array, size: [number, number], mm: [number, number]): Float64Array {
  const toInside = squaredDistance(mask, 1, size, mm)
  const toOutside = squaredDistance(mask, 0, size, mm)
  return toInside.map((outer, k) => {
    const inner = toOutside[k]
    // The outline runs between pixels: half a step nearer than the nearest pixel on the other side.
    const half = Math.min(mm[0], mm[1]) / 2
    return mask[k] === 1 ? -(Math.sqrt(inner) - half) : Math.sqrt(outer) - half
  })
}

/** Squared distance in mm of each pixel to the nearest pixel of a value (Felzenszwalb & Huttenlocher, Theory of Computing 2012). */
function squaredDistance(mask: Uint8Array, value: number, [width, height]: [number, number], mm: [number, number]): Float64Array {
  const field = Float64Array.from(mask, (each) => (each === value ? 0 : FAR))
  const lineOf = new Float64Array(Math.max(width, height))
  const pass = (length: number, start: number, stride: number, step: number): void => {
    for (let i = 0; i < length; i++) lineOf[i] = field[start + i * stride]
    lowerEnvelope(lineOf.subarray(0, length), step, (i, d) => { field[start + i * stride] = d })
  }
  for (let y = 0; y < height; y++) pass(width, y * width, 1, mm[0])
  for (let x = 0; x < width; x++) pass(height, x, width, mm[1])
  return field
}

const FAR = 1e20

function lowerEnvelope(f: Float64Array, step: number, put: (i: number, distance: number) => void): void {
  const n = f.length
  const vertex = new Int32Array(n)
  const border = new Float64Array(n + 1)
  let k = 0
  border[0] = -Infinity
  border[1] = Infinity
  const g = (q: number): number => f[q] / (step * step) + q * q
  for (let q = 1; q < n; q++) {
    let s = (g(q) - g(vertex[k])) / (2 * q - 2 * vertex[k])
    while (s <= border[k]) {
      k--
      s = (g(q) - g(vertex[k])) / (2 * q - 2 * vertex[k])
    }
    k++
    vertex[k] = q
    border[k] = s
    border[k + 1] = Infinity
  }
  k = 0
  const out = new Float64Array(n)
  for (let q = 0; q < n; q++) {
    while (border[k + 1] < q) k++
    out[q] = Math.min(FAR, (step * (q - vertex[k])) ** 2 + f[vertex[k]])
  }
  out.forEach((d, i) => put(i, d))
}
