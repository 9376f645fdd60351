// Grids that a page must not mix up: axes in every order and direction, oblique, sheared, left-handed, with unequal spacing.

const turn = (a, b) => {
  const [c, s, d, t] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)]
  return [[c, -s * d, s * t], [s, c * d, -c * t], [0, t, d]]
}

function grid(columns, spacing, origin, dims = [5, 7, 4]) {
  const matrix = [0, 1, 2].flatMap((row) => [...[0, 1, 2].map((axis) => columns[row][axis] * spacing[axis]), origin[row]])
  return { dims, matrix }
}

const identity = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
const lps = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]
const sagittal = [[0, 0, -1], [-1, 0, 0], [0, -1, 0]]
const swapped = [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
const sheared = [[1, 0, 0], [0, 1, 0.25], [0, 0, 1]]

export const GRIDS = {
  'RAS, isotropic': grid(identity, [1, 1, 1], [0, 0, 0]),
  'LPS with thick slices': grid(lps, [0.7, 0.7, 5], [120.5, 88, -300]),
  'sagittal slices, left-handed': grid(sagittal, [1, 1, 1.2], [40, 60, 70]),
  'two axes swapped, left-handed': grid(swapped, [2, 1, 3], [-5, 6, 7]),
  'one axis flipped, left-handed': grid([[1, 0, 0], [0, -1, 0], [0, 0, 1]], [1.5, 1, 2], [0, 9, 0]),
  oblique: grid(turn(0.3, -0.4), [1, 2, 3], [10, -20, 30]),
  'oblique past 45 degrees': grid(turn(1.0, 0.9), [1.1, 0.8, 2.5], [-12, 4, 9]),
  'tilted gantry': grid(sheared, [0.8, 0.8, 4], [-50, -40, 12]),
}

/** Voxels whose values are their positions, so that any mix-up shows. */
export const numbered = ({ dims }) => Uint8Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, i) => i)
