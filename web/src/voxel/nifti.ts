// Reads and writes NIfTI-1 files (.nii; NIfTI-1.1 standard, 2007). Compression is left to the caller.

import type { Grid, Vec3 } from './grid.ts'
import { count, invert } from './grid.ts'

export type Voxels =
  | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array

export interface Volume {
  grid: Grid
  /** Voxels as stored, of the first volume of the file; the first axis changes fastest. */
  data: Voxels
  /** Value = slope × stored + intercept. */
  slope: number
  intercept: number
}

const HEADER = 352
const READERS: Record<number, { new (buffer: ArrayBuffer, at?: number, count?: number): Voxels; BYTES_PER_ELEMENT: number }> = {
  2: Uint8Array, 4: Int16Array, 8: Int32Array, 16: Float32Array, 64: Float64Array, 256: Int8Array, 512: Uint16Array, 768: Uint32Array,
}

/** Reads an uncompressed file. Errors name what is wrong with it. */
export function read(bytes: Uint8Array): Volume {
  if (bytes.byteLength < HEADER) throw new Error('not a NIfTI file: it is shorter than its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = view.getInt32(0, true) === 348
  if (!little && view.getInt32(0, false) !== 348) throw new Error('not a NIfTI-1 file')
  if (String.fromCharCode(...bytes.subarray(344, 347)) !== 'n+1') throw new Error('not a NIfTI-1 file with header and voxels in one')
  const short = (at: number): number => view.getInt16(at, little)
  const float = (at: number): number => view.getFloat32(at, little)
  const dims = [42, 44, 46].map((at, axis) => (axis < short(40) ? Math.max(1, short(at)) : 1)) as Vec3
  const grid = { dims, matrix: affine(view, little) }
  invert([0, 1, 2, 4, 5, 6, 8, 9, 10].map((i) => grid.matrix[i]))
  const Type = READERS[short(70)]
  if (!Type) throw new Error(`voxels of NIfTI type ${short(70)} cannot be shown`)
  const start = float(108)
  if (!Number.isInteger(start) || start < 348) throw new Error(`the voxels cannot begin at byte ${start}`)
  const size = count(grid) * Type.BYTES_PER_ELEMENT
  if (bytes.byteLength < start + size) throw new Error(`the file ends early: ${start + size} bytes are due, ${bytes.byteLength} are there`)
  const scaled = Number.isFinite(float(112)) && float(112) !== 0
  return { grid, data: voxels(bytes, start, size, Type, little), slope: scaled ? float(112) : 1, intercept: scaled ? float(116) : 0 }
}

/** The voxels in place where their bytes allow it, because a CT is large; else a copy. */
function voxels(bytes: Uint8Array, start: number, size: number, Type: (typeof READERS)[number], little: boolean): Voxels {
  const at = bytes.byteOffset + start
  const width = Type.BYTES_PER_ELEMENT
  if (little && at % width === 0) return new Type(bytes.buffer as ArrayBuffer, at, size / width)
  const body = bytes.slice(start, start + size)
  if (!little) swap(body, width)
  return new Type(body.buffer)
}

/** The sform where there is one, else the qform, else spacing alone (standard, section "3D image orientation and location in space"). */
function affine(view: DataView, little: boolean): number[] {
  const float = (at: number): number => view.getFloat32(at, little)
  if (view.getInt16(254, little) > 0) return Array.from({ length: 12 }, (_, i) => float(280 + 4 * i))
  const [dx, dy, dz] = [80, 84, 88].map((at) => Math.abs(float(at)) || 1)
  if (view.getInt16(252, little) <= 0) return [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0]
  const [b, c, d] = [256, 260, 264].map(float)
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d))
  const z = float(76) < 0 ? -dz : dz
  const rotation = [
    a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c),
    2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
    2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c,
  ]
  return [0, 1, 2].flatMap((r) => [rotation[3 * r] * dx, rotation[3 * r + 1] * dy, rotation[3 * r + 2] * z, float(268 + 4 * r)])
}

function swap(body: Uint8Array, width: number): void {
  for (let at = 0; width > 1 && at < body.length; at += width) body.subarray(at, at + width).reverse()
}

/** A file with the voxels as they are; position by the sform alone. */
export function write({ grid, data, slope, intercept }: Volume): Uint8Array<ArrayBuffer> {
  if (data.length !== count(grid)) throw new Error(`${data.length} voxels do not fill a grid of ${grid.dims.join(' × ')}`)
  const bytes = new Uint8Array(HEADER + data.byteLength)
  const view = new DataView(bytes.buffer)
  const code = Object.entries(READERS).find(([, Type]) => data instanceof Type)
  view.setInt32(0, 348, true)
  const steps = [0, 1, 2].map((axis) => Math.hypot(...[0, 4, 8].map((row) => grid.matrix[row + axis])))
  const shape = [3, ...grid.dims, 1, 1, 1, 1]
  shape.forEach((n, i) => view.setInt16(40 + 2 * i, n, true))
  view.setInt16(70, Number(code?.[0]), true)
  view.setInt16(72, 8 * data.BYTES_PER_ELEMENT, true)
  const sizes = [1, ...steps, 0, 0, 0, 0]
  sizes.forEach((v, i) => view.setFloat32(76 + 4 * i, v, true))
  view.setFloat32(108, HEADER, true)
  view.setFloat32(112, slope, true)
  view.setFloat32(116, intercept, true)
  view.setUint8(123, 2) // mm
  view.setInt16(254, 1, true) // sform: scanner
  grid.matrix.forEach((v, i) => view.setFloat32(280 + 4 * i, v, true))
  bytes.set([0x6e, 0x2b, 0x31, 0], 344)
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), HEADER)
  return bytes
}

/** Whether bytes begin like a gzip stream. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** Undoes gzip, if there is any. */
export async function unzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return isGzip(bytes) ? through(bytes, new DecompressionStream('gzip')) : bytes
}

export const gzip = (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => through(bytes, new CompressionStream('gzip'))

async function through(bytes: Uint8Array<ArrayBuffer>, stream: GenericTransformStream): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Blob([bytes]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array, Uint8Array<ArrayBuffer>>)
  return new Uint8Array(await new Response(out).arrayBuffer())
}
