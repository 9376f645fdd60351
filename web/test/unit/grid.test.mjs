import assert from 'node:assert/strict'
import { test } from 'node:test'
import { distance, fromWorld, index, invert, reach, sameGrid, spacing, toWorld, voxel, voxelVolume } from '../../build/voxel/grid.js'
import { gzip, read, unzip, write } from '../../build/voxel/nifti.js'
import { orient, sliceInFile, sliceOnDisplay, toDisplay, toFile } from '../../build/voxel/orient.js'
import { corners, greys } from '../../build/voxel/slice.js'
import { GRIDS, numbered } from './grids.mjs'

const close = (a, b, tolerance = 1e-9) => a.forEach((v, i) => assert.ok(Math.abs(v - b[i]) <= tolerance, `${a} is not ${b}`))

for (const [name, file] of Object.entries(GRIDS)) {
  test(`${name}: display order holds the same voxels at the same places`, () => {
    const orientation = orient(file)
    const data = numbered(file)
    const shown = toDisplay(orientation, data)
    for (let at = 0; at < shown.length; at++) {
      const there = fromWorld(file, toWorld(orientation.display, voxel(orientation.display.dims, at)))
      close(there, there.map(Math.round), 1e-6)
      assert.equal(shown[at], data[index(file.dims, there.map(Math.round))])
    }
    assert.deepEqual(toFile(orientation, shown), data)
  })

  test(`${name}: a voxel painted at a world position is at that position in the file that is written`, async () => {
    const orientation = orient(file)
    const { display } = orientation
    for (const point of [[0, 0, 0], display.dims.map((n) => n - 1), [1, 2, 1].map((v, axis) => Math.min(v, display.dims[axis] - 1))]) {
      const world = toWorld(display, point)
      const labels = new Uint8Array(numbered(file).length)
      labels[index(display.dims, point)] = 3
      const bytes = write({ grid: file, data: toFile(orientation, labels), slope: 1, intercept: 0 })
      const saved = read(await unzip(await gzip(bytes)))
      assert.deepEqual(saved.grid.dims, file.dims)
      const found = [...saved.data.keys()].filter((at) => saved.data[at] !== 0)
      assert.equal(found.length, 1)
      close(toWorld(saved.grid, voxel(saved.grid.dims, found[0])), world, 1e-4)
    }
  })

  test(`${name}: display axes run to the right, to anterior, to superior`, () => {
    const { matrix } = orient(file).display
    for (const axis of [0, 1, 2]) assert.ok(matrix[4 * axis + axis] > 0, `axis ${axis}: ${matrix}`)
  })

  test(`${name}: slices keep their number in the file`, () => {
    const orientation = orient(file)
    for (const axis of [0, 1, 2]) {
      const there = sliceInFile(orientation, axis, 1)
      assert.deepEqual(sliceOnDisplay(orientation, there.axis, there.slice), { axis, slice: 1 })
      const point = [0, 0, 0]
      point[axis] = 1
      const inFile = fromWorld(file, toWorld(orientation.display, point)).map(Math.round)
      assert.equal(inFile[there.axis], there.slice)
    }
  })
}

test('spacing, volume and distances follow the matrix, also of sheared axes', () => {
  const tilted = GRIDS['tilted gantry']
  close(spacing(tilted), [0.8, 0.8, 4 * Math.hypot(1, 0.25)])
  close([voxelVolume(tilted)], [0.8 * 0.8 * 4 / 1000])
  close([distance(tilted, [0, 0, 0], [0, 1, 1])], [Math.hypot(0.8 + 1, 4)])
  close(reach(GRIDS['RAS, isotropic']), [1, 1, 1])
  close(reach(GRIDS['LPS with thick slices']), [1 / 0.7, 1 / 0.7, 0.2])
})

test('files of the other byte order, with a qform alone, scaled, of every type, are read', () => {
  const dims = [2, 3, 2]
  for (const Type of [Uint8Array, Int8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]) {
    const data = Type.from({ length: 12 }, (_, i) => i * 9)
    const back = read(write({ grid: { dims, matrix: GRIDS.oblique.matrix }, data, slope: 2, intercept: -5 }))
    assert.deepEqual(back.data, data)
    assert.deepEqual([back.slope, back.intercept], [2, -5])
    close(back.grid.matrix, GRIDS.oblique.matrix, 1e-5)
  }
  const bytes = write({ grid: { dims, matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0] }, data: Int16Array.from({ length: 12 }, (_, i) => i), slope: 1, intercept: 0 })
  const view = new DataView(bytes.buffer)
  view.setInt16(254, 0, true)
  view.setInt16(252, 1, true)
  // A half turn around z, slices running down: the matrix that the standard's formula gives by hand.
  view.setFloat32(264, 1, true)
  view.setFloat32(76, -1, true)
  ;[7, 8, 9].forEach((v, i) => view.setFloat32(268 + 4 * i, v, true))
  close(read(bytes).grid.matrix, [-2, 0, 0, 7, 0, -2, 0, 8, 0, 0, -2, 9])
  const turned = bigEndian(bytes)
  close(read(turned).grid.matrix, [-2, 0, 0, 7, 0, -2, 0, 8, 0, 0, -2, 9])
  assert.deepEqual([...read(turned).data], [...Array(12).keys()])
})

function bigEndian(bytes) {
  const out = bytes.slice()
  const swap = (at, width) => out.subarray(at, at + width).reverse()
  swap(0, 4)
  for (let at = 40; at < 56; at += 2) swap(at, 2)
  swap(70, 2), swap(72, 2), swap(252, 2), swap(254, 2)
  for (let at = 76; at < 120; at += 4) swap(at, 4)
  for (let at = 256; at < 328; at += 4) swap(at, 4)
  for (let at = 352; at < out.length; at += 2) swap(at, 2)
  return out
}

for (const [name, spoil, message] of [
  ['text', () => new TextEncoder().encode('no image'.repeat(60)), /not a NIfTI-1 file/],
  ['a short file', (b) => b.slice(0, 100), /shorter than its header/],
  ['missing voxels', (b) => b.slice(0, -1), /ends early: 364 bytes are due, 363 are there/],
  ['a type that cannot be shown', (b) => (new DataView(b.buffer).setInt16(70, 32, true), b), /type 32 cannot be shown/],
  ['voxels inside the header', (b) => (new DataView(b.buffer).setFloat32(108, 8, true), b), /cannot begin at byte 8/],
  ['axes in one plane', (b) => (new DataView(b.buffer).setFloat32(280, 0, true), b), /header is broken/],
]) {
  test(`${name} is refused`, () => {
    const good = write({ grid: { dims: [2, 3, 2], matrix: GRIDS['RAS, isotropic'].matrix }, data: new Uint8Array(12), slope: 1, intercept: 0 })
    assert.throws(() => read(spoil(good)), message)
  })
}

for (const [name, file] of Object.entries(GRIDS)) {
  test(`${name}: a slice as a picture lies where its voxels lie, with their values`, () => {
    const { dims } = file
    const data = numbered(file)
    for (const plane of [0, 1, 2]) {
      const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
      const [o, right, up] = corners(file, plane, 1)
      const picture = greys(data, dims, { slope: 1, intercept: 0, low: 0, high: 255 }, plane, 1)
      assert.deepEqual([picture.width, picture.height], [dims[u], dims[v]])
      for (const [i, j] of [[0, 0], [dims[u] - 1, 1]]) {
        const point = [0, 0, 0]
        point[plane] = 1
        point[u] = i
        point[v] = j
        const place = o.map((w, k) => w + ((i + 0.5) / dims[u]) * (right[k] - w) + ((j + 0.5) / dims[v]) * (up[k] - w))
        close(place, toWorld(file, point), 1e-9)
        assert.equal(picture.data[4 * (i + j * dims[u])], data[index(dims, point)])
      }
    }
  })
}

test('voxels of a microscope are small, and axes in one plane are refused', () => {
  const grid = (x, size) => ({ dims: [4, 4, 4], matrix: [size, 0, 0, x, 0, size, 0, 0, 0, 0, size, 0] })
  const small = grid(10, 5e-5)
  close(fromWorld(small, toWorld(small, [1, 2, 3])), [1, 2, 3], 1e-6)
  assert.ok(sameGrid(small, grid(10 + 1e-6, 5e-5)) && !sameGrid(small, grid(10 + 5e-5, 5e-5)))
  assert.ok(sameGrid(grid(10, 0.7), grid(10.01, 0.7)) && !sameGrid(grid(10, 0.7), grid(10.05, 0.7)))
  for (const flat of [[1, 0, 0, 0, 1, 0, 0, 0, 0], [1, 0, 1, 0, 1, 1, 0, 0, 0], [5e-5, 0, 5e-5, 0, 5e-5, 5e-5, 0, 0, 0]]) assert.throws(() => invert(flat), /one plane/)
})
