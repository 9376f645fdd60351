// Small volumes of the mock server: an abdomen of ellipsoids, as NIfTI files made by hand.

import { gzipSync } from 'node:zlib'

const SHAPE = [40, 36, 24]

/** Voxel → world of the cases: as CT scanners store them (x and y run backwards), and one oblique and left-handed. */
const GRIDS = {
  straight: [-3, 0, 0, 60, 0, -3, 0, 54, 0, 0, 4, -48],
  oblique: [0.0, 2.9, 0.8, -50, -3, 0, 0, 60, 0, 0.8, -3.9, 40],
}

export const STRUCTURES = [
  { name: 'liver', value: 1, values: [1], color: '#e69f00' },
  { name: 'left-kidney', value: 2, values: [2], color: '#56b4e9' },
  { name: 'spleen', value: 300, values: [300], color: '#cc79a7' },
]
/** What the reference labels hold and the networks do not segment. */
export const OTHERS = [{ name: 'spine', value: 5 }]
/** Names of the dataset's structures: its labels call a part of the kidney by a name of its own. */
export const NAMES = [...STRUCTURES, ...OTHERS].map(({ name }) => name).concat('renal-cortex')

const ORGANS = [
  { value: 1, centre: [22, -2, 2], radii: [24, 20, 26], hu: 70 },
  { value: 2, centre: [-26, -18, -6], radii: [9, 9, 16], hu: 130 },
  { value: 300, centre: [-32, 8, 12], radii: [10, 14, 14], hu: 95 },
]

const belongs = (p, { centre, radii }, shift = 0, grow = 1) =>
  ((p[0] - centre[0] - shift) / (radii[0] * grow)) ** 2 + ((p[1] - centre[1]) / (radii[1] * grow)) ** 2 + ((p[2] - centre[2]) / (radii[2] * grow)) ** 2 <= 1

function each(matrix, value) {
  const out = new Int16Array(SHAPE[0] * SHAPE[1] * SHAPE[2])
  let at = 0
  for (let z = 0; z < SHAPE[2]; z++) for (let y = 0; y < SHAPE[1]; y++) for (let x = 0; x < SHAPE[0]; x++) {
    const world = [0, 4, 8].map((r) => matrix[r] * x + matrix[r + 1] * y + matrix[r + 2] * z + matrix[r + 3])
    out[at++] = value(world, at)
  }
  return out
}

const noise = (at) => ((at * 2654435761) >>> 16) % 41 - 20
const organ = (p, shift = 0, grow = 1) => ORGANS.find((each) => belongs(p, each, shift, grow))

const isSpine = (p) => (p[0] / 8) ** 2 + ((p[1] + 34) / 8) ** 2 <= 1

const CONTENTS = {
  image: (p, at) => {
    const body = (p[0] / 56) ** 2 + (p[1] / 48) ** 2 <= 1
    return body ? (isSpine(p) ? 500 : (organ(p)?.hu ?? 10) + noise(at)) : -1000
  },
  reference: (p) => organ(p)?.value ?? (isSpine(p) ? 5 : 0),
  // Everything a little to one side and too large; the spleen is missed in part.
  prediction: (p) => {
    const found = organ(p, 3, 1.08)
    return !found || (found.value === 300 && p[2] > 14) ? 0 : found.value
  },
  probability: (p) => Math.round(1000 * Math.max(0, 1 - Math.hypot(p[0] - 25, p[1] + 2, p[2] - 2) / 40)),
}

export function nifti({ shape, matrix, data, datatype, slope = 1, intercept = 0 }) {
  const header = Buffer.alloc(352)
  header.writeInt32LE(348, 0)
  ;[3, ...shape, 1, 1, 1, 1].forEach((n, i) => header.writeInt16LE(n, 40 + 2 * i))
  header.writeInt16LE(datatype, 70)
  header.writeInt16LE(data.BYTES_PER_ELEMENT * 8, 72)
  ;[1, ...[0, 1, 2].map((a) => Math.hypot(matrix[a], matrix[4 + a], matrix[8 + a])), 0, 0, 0, 0].forEach((v, i) => header.writeFloatLE(v, 76 + 4 * i))
  header.writeFloatLE(352, 108)
  header.writeFloatLE(slope, 112)
  header.writeFloatLE(intercept, 116)
  header[123] = 2
  header.writeInt16LE(1, 254)
  matrix.forEach((v, i) => header.writeFloatLE(v, 280 + 4 * i))
  header.write('n+1\0', 344, 'latin1')
  return gzipSync(Buffer.concat([header, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]))
}

/** The voxels of a case, in the order of its file. */
export const voxels = (kind, of) => each(GRIDS[kind], CONTENTS[of])

/** A file of a case; with `mask`, ones where that structure is. */
export function file(kind, of, mask = null) {
  const all = voxels(kind, of)
  const data = mask === null ? all : all.map((value) => (value === STRUCTURES[mask].value ? 1 : 0))
  const label = of === 'reference' || of === 'prediction'
  return nifti({ shape: SHAPE, matrix: GRIDS[kind], data: label ? Uint16Array.from(data) : data, datatype: label ? 512 : 4, slope: of === 'probability' ? 0.001 : 1 })
}

export const image = (name, url, modality = null) => ({
  name, url, shape: [...SHAPE].reverse(), spacing: [4, 3, 3], orientation: 'LPS', channels: 1, modality,
})

export const matrixOf = (kind) => GRIDS[kind]
export { SHAPE }

/** Volumes in mL by structure. */
export function volumes(kind, of) {
  const m = GRIDS[kind]
  const ml = Math.abs(m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8]) + m[2] * (m[4] * m[9] - m[5] * m[8])) / 1000
  const data = voxels(kind, of)
  return Object.fromEntries(STRUCTURES.map(({ name, value }) => [name, data.reduce((n, v) => n + (v === value), 0) * ml]))
}

export function dice(kind) {
  const [a, b] = [voxels(kind, 'reference'), voxels(kind, 'prediction')]
  return Object.fromEntries(STRUCTURES.map(({ name, value }) => {
    let [both, sum] = [0, 0]
    for (let i = 0; i < a.length; i++) { both += a[i] === value && b[i] === value; sum += (a[i] === value) + (b[i] === value) }
    return [name, { dice: (2 * both) / sum, iou: both / (sum - both), hd95: name === 'spleen' ? 11.2 : 4.5, unit: 'mm' }]
  }))
}

/** The slice across the last axis of the file with the most errors. */
export function worst(kind) {
  const [a, b] = [voxels(kind, 'reference'), voxels(kind, 'prediction')]
  const plane = SHAPE[0] * SHAPE[1]
  const known = (value) => (value === 5 ? 0 : value)
  const errors = Array.from({ length: SHAPE[2] }, (_, z) => a.subarray(z * plane, (z + 1) * plane).reduce((n, v, i) => n + (known(v) !== b[z * plane + i]), 0))
  const most = Math.max(...errors)
  return { axis: 'z', slice: errors.indexOf(most), errors: most }
}
