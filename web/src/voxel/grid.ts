// Voxel grids. A grid has its axes in the order of a NIfTI file: the first changes fastest. `matrix` takes voxel indices to world
// positions (RAS+, mm): 3 rows of 4 numbers. Nothing here assumes that the axes are orthogonal: a tilted gantry shears them.

export type Vec3 = [number, number, number]

export interface Grid {
  dims: Vec3
  matrix: number[]
}

/** Number of voxels. */
export const count = (grid: Grid): number => grid.dims[0] * grid.dims[1] * grid.dims[2]

/** Position in the array of the voxel at whole indices. */
export const index = (dims: Vec3, [x, y, z]: Vec3): number => x + dims[0] * (y + dims[1] * z)

/** Indices of the voxel at a position in the array. */
export function voxel(dims: Vec3, at: number): Vec3 {
  const x = at % dims[0]
  const rest = (at - x) / dims[0]
  return [x, rest % dims[1], Math.floor(rest / dims[1])]
}

export const inside = (dims: Vec3, point: Vec3): boolean => point.every((v, axis) => v >= 0 && v < dims[axis])

/** World position in mm of a point in voxel indices, which need not be whole. */
export function toWorld({ matrix: m }: Grid, [x, y, z]: Vec3): Vec3 {
  return [0, 4, 8].map((r) => m[r] * x + m[r + 1] * y + m[r + 2] * z + m[r + 3]) as Vec3
}

/** Voxel indices of a world position in mm; not rounded. */
export function fromWorld(grid: Grid, world: Vec3): Vec3 {
  const m = grid.matrix
  const inverse = invert([m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]])
  const d = [world[0] - m[3], world[1] - m[7], world[2] - m[11]]
  return [0, 3, 6].map((r) => inverse[r] * d[0] + inverse[r + 1] * d[1] + inverse[r + 2] * d[2]) as Vec3
}

/** Inverse of a 3 × 3 matrix given by rows. Throws where it has none. */
export function invert(m: number[]): number[] {
  const minor = (a: number, b: number, c: number, d: number): number => m[a] * m[d] - m[b] * m[c]
  const det = m[0] * minor(4, 5, 7, 8) - m[1] * minor(3, 5, 6, 8) + m[2] * minor(3, 4, 6, 7)
  // Beside the box that axes of these lengths would span at right angles: voxels of microscopes are small, and no less regular for that.
  const box = [0, 1, 2].reduce((product, axis) => product * Math.hypot(m[axis], m[3 + axis], m[6 + axis]), 1)
  if (!Number.isFinite(det) || !(Math.abs(det) > 1e-6 * box)) throw new Error('the axes of the image lie in one plane: its header is broken')
  const adjugate = [
    minor(4, 5, 7, 8), -minor(1, 2, 7, 8), minor(1, 2, 4, 5),
    -minor(3, 5, 6, 8), minor(0, 2, 6, 8), -minor(0, 2, 3, 5),
    minor(3, 4, 6, 7), -minor(0, 1, 6, 7), minor(0, 1, 3, 4),
  ]
  return adjugate.map((v) => v / det)
}

/** Length in mm of one step along each axis. */
export function spacing({ matrix: m }: Grid): Vec3 {
  return [0, 1, 2].map((axis) => Math.hypot(m[axis], m[4 + axis], m[8 + axis])) as Vec3
}

/** Volume of a voxel in mL. */
export function voxelVolume({ matrix: m }: Grid): number {
  const det =
    m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8]) + m[2] * (m[4] * m[9] - m[5] * m[8])
  return Math.abs(det) / 1000
}

/** Distance in mm between two points in voxel indices. */
export function distance(grid: Grid, a: Vec3, b: Vec3): number {
  const [p, q] = [toWorld(grid, a), toWorld(grid, b)]
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2])
}

/** How far a ball of 1 mm reaches along each axis, in voxel indices: more than 1 / spacing where axes are sheared. */
export function reach({ matrix: m }: Grid): Vec3 {
  const inverse = invert([m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]])
  return [0, 3, 6].map((r) => Math.hypot(inverse[r], inverse[r + 1], inverse[r + 2])) as Vec3
}

/** How far the numbers of two grids that are the same may be apart: mm, and part of a voxel. */
const SAME = { mm: 0.02, part: 0.1 }

/** Whether two grids are the same, up to the rounding of their files. */
export function sameGrid(a: Grid, b: Grid): boolean {
  const tolerance = Math.min(SAME.mm, SAME.part * Math.min(...spacing(a)))
  return a.dims.every((n, axis) => n === b.dims[axis]) && a.matrix.every((v, i) => Math.abs(v - b.matrix[i]) <= tolerance)
}
