// Connected pieces of a mask.

import type { Vec3 } from './grid.ts'

/** Neighbours by whole steps: across faces (6), or across faces, edges and corners (26). */
export function steps(connectivity: 6 | 26): Vec3[] {
  const all: Vec3[] = []
  for (let z = -1; z <= 1; z++) {
    for (let y = -1; y <= 1; y++) {
      for (let x = -1; x <= 1; x++) {
        const moved = Math.abs(x) + Math.abs(y) + Math.abs(z)
        if (moved > 0 && (connectivity === 26 || moved === 1)) all.push([x, y, z])
      }
    }
  }
  return all
}

/** Whether steps along an axis are left out: pieces within slices. */
export const within = (all: Vec3[], plane: number | null): Vec3[] => all.filter((step) => plane === null || step[plane] === 0)

/** Part of a grid: from `low` up to, but without, `high`. */
export interface Box {
  low: Vec3
  high: Vec3
}

export const whole = (dims: Vec3): Box => ({ low: [0, 0, 0], high: dims })

/** The voxels that can be reached from one voxel within a box through voxels that belong, each visited once. */
export function reachable(dims: Vec3, box: Box, from: number, belongs: (at: number) => boolean, seen: Uint8Array, by: Vec3[]): number[] {
  const piece = [from]
  seen[from] = 1
  for (let k = 0; k < piece.length; k++) {
    const at = piece[k]
    const x = at % dims[0]
    const y = Math.floor(at / dims[0]) % dims[1]
    const z = Math.floor(at / (dims[0] * dims[1]))
    for (const [dx, dy, dz] of by) {
      const [u, v, w] = [x + dx, y + dy, z + dz]
      if (u < box.low[0] || v < box.low[1] || w < box.low[2] || u >= box.high[0] || v >= box.high[1] || w >= box.high[2]) continue
      const next = u + dims[0] * (v + dims[1] * w)
      if (!seen[next] && belongs(next)) {
        seen[next] = 1
        piece.push(next)
      }
    }
  }
  return piece
}

/** The smallest box around all voxels whose values have a one in `is`, grown by `margin` voxels; null where there are none. */
export function bounds(data: ArrayLike<number>, dims: Vec3, is: Uint8Array, margin: number | Vec3 = 0): Box | null {
  const low: Vec3 = [...dims]
  const high: Vec3 = [-1, -1, -1]
  let at = 0
  for (let z = 0; z < dims[2]; z++) {
    for (let y = 0; y < dims[1]; y++) {
      for (let x = 0; x < dims[0]; x++) {
        if (!is[data[at++]]) continue
        if (x < low[0]) low[0] = x
        if (y < low[1]) low[1] = y
        if (z < low[2]) low[2] = z
        if (x > high[0]) high[0] = x
        if (y > high[1]) high[1] = y
        if (z > high[2]) high[2] = z
      }
    }
  }
  if (high[0] < 0) return null
  const grow = typeof margin === 'number' ? [margin, margin, margin] : margin
  return {
    low: low.map((v, axis) => Math.max(0, v - grow[axis])) as Vec3,
    high: high.map((v, axis) => Math.min(dims[axis], v + 1 + grow[axis])) as Vec3,
  }
}

/** Calls `visit` with the position in the array of every voxel of a box. */
export function each(dims: Vec3, { low, high }: Box, visit: (at: number, x: number, y: number, z: number) => void): void {
  for (let z = low[2]; z < high[2]; z++) {
    for (let y = low[1]; y < high[1]; y++) {
      let at = low[0] + dims[0] * (y + dims[1] * z)
      for (let x = low[0]; x < high[0]; x++) visit(at++, x, y, z)
    }
  }
}
