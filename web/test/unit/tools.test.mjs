import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interpolate, signedDistance } from '../../build/voxel/between.js'
import { allowed, line } from '../../build/voxel/brush.js'
import { errors, tally, worstSlice } from '../../build/voxel/compare.js'
import { apply, empty, History, joinInverses, toValue } from '../../build/voxel/edit.js'
import { fillHoles, flood, keepLargest, threshold } from '../../build/voxel/fill.js'
import { distance, index, toWorld, voxel } from '../../build/voxel/grid.js'
import { memberships, Palette } from '../../build/voxel/palette.js'
import { gaussian, smooth } from '../../build/voxel/smooth.js'
import { GRIDS } from './grids.mjs'

const cube = (dims, matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]) => empty({ dims, matrix })
const paint = (labels, value, belongs) => labels.data.forEach((_, at) => { if (belongs(voxel(labels.grid.dims, at))) labels.data[at] = value })
const points = (labels, value) => [...labels.data.keys()].filter((at) => labels.data[at] === value).map((at) => voxel(labels.grid.dims, at))
const count = (labels, value) => points(labels, value).length

for (const [name, file] of Object.entries(GRIDS)) {
  const grid = { dims: [15, 17, 13], matrix: file.matrix }
  test(`${name}: a ball holds exactly the voxels within its radius`, () => {
    const centre = [7.25, 8, 6.4]
    const found = new Set(line(grid, centre, centre, 4, null))
    for (let at = 0; at < 15 * 17 * 13; at++) {
      const own = voxel(grid.dims, at)
      const near = distance(grid, own, centre) <= 4 || own.join() === '7,8,6'
      assert.equal(found.has(at), near, `voxel ${own} at ${distance(grid, own, centre)} mm`)
    }
  })

  test(`${name}: a stroke in a slice stays in it and covers the whole line`, () => {
    const [a, b] = [[2, 3, 5], [9, 12, 5]]
    const found = [...line(grid, a, b, 2, 2)].map((at) => voxel(grid.dims, at))
    assert.ok(found.every((point) => point[2] === 5))
    for (let t = 0; t <= 1; t += 0.05) {
      const on = a.map((v, axis) => v + t * (b[axis] - v))
      assert.ok(found.some((point) => distance(grid, point, on) <= 2))
    }
    const world = toWorld(grid, a)
    assert.ok(found.some((point) => toWorld(grid, point).every((v, axis) => Math.abs(v - world[axis]) < 1e-9)))
  })
}

test('a brush smaller than a voxel paints the voxel under it, and none outside the image', () => {
  const { grid } = cube([4, 4, 4])
  assert.deepEqual([...line(grid, [1.4, 2, 3], [1.4, 2, 3], 0.1, null)], [index(grid.dims, [1, 2, 3])])
  assert.deepEqual([...line(grid, [-1, 2, 3], [-1, 2, 3], 0.5, null)], [])
})

test('a rule restricts a brush to a structure and to image values', () => {
  const labels = cube([3, 1, 1])
  labels.data.set([0, 2, 2])
  const image = [5, 5, 50]
  const all = Uint32Array.of(0, 1, 2)
  assert.deepEqual([...allowed(labels, all, { only: [2], range: null })], [1, 2])
  assert.deepEqual([...allowed(labels, all, { only: null, range: { image, from: 0, to: 10 } })], [0, 1])
  assert.deepEqual([...allowed(labels, all, { only: [2], range: { image, from: 0, to: 10 } })], [1])
})

test('edits are undone and redone exactly, a stroke as a whole', () => {
  const labels = cube([4, 1, 1])
  const history = new History()
  const stroke = [[0, 1], [1, 2]].map((at) => apply(labels, toValue(labels, at, 7)))
  history.push(joinInverses(stroke))
  history.push(apply(labels, toValue(labels, [2, 3], 1)))
  assert.deepEqual([...labels.data], [7, 7, 1, 1])
  assert.ok(history.undo(labels) && history.undo(labels))
  assert.deepEqual([...labels.data], [0, 0, 0, 0])
  assert.equal(history.undo(labels), false)
  assert.ok(history.redo(labels))
  assert.deepEqual([...labels.data], [7, 7, 7, 0])
  history.push(apply(labels, toValue(labels, [0], 3)))
  assert.equal(history.canRedo, false)
})

test('the history tells what the edits in effect came of; an edit that came of something is a step even if it changes nothing', () => {
  const labels = cube([4, 1, 1])
  const history = new History()
  const [one, two] = [{ click: 1 }, { click: 2 }]
  history.push(apply(labels, { ...toValue(labels, [0], 1), of: one }))
  history.push(apply(labels, toValue(labels, [1], 1)))
  history.push(apply(labels, { ...toValue(labels, [0], 1), of: two }))
  history.push(apply(labels, toValue(labels, [0], 1)))
  assert.deepEqual(history.origins, [one, two])
  assert.ok(history.undo(labels))
  assert.deepEqual([[...labels.data], history.origins], [[1, 1, 0, 0], [one]])
  assert.ok(history.undo(labels) && history.undo(labels))
  assert.deepEqual([[...labels.data], history.origins], [[0, 0, 0, 0], []])
  assert.ok(history.redo(labels))
  assert.deepEqual([[...labels.data], history.origins], [[1, 0, 0, 0], [one]])
  assert.equal(history.origins[0], one)
})

test('the history forgets its oldest edits first', () => {
  const labels = cube([4, 1, 1])
  const history = new History(3)
  history.push(apply(labels, toValue(labels, [0, 1], 1)))
  history.push(apply(labels, toValue(labels, [2, 3], 1)))
  assert.ok(history.undo(labels))
  assert.equal(history.undo(labels), false)
  assert.deepEqual([...labels.data], [1, 1, 0, 0])
})

test('flood fill takes the piece of equal voxels, in a slice or in space, and refuses open background', () => {
  const labels = cube([5, 5, 3])
  paint(labels, 1, ([x, y]) => (x === 1 || x === 3) ? y >= 1 && y <= 3 : x === 2 && (y === 1 || y === 3))
  const inSlice = flood(labels, [2, 2, 1], [0], [4], 2)
  assert.deepEqual([...inSlice.edit.at], [index([5, 5, 3], [2, 2, 1])])
  assert.equal(flood(labels, [2, 2, 1], [0], [4], null).open, true)
  assert.equal(flood(labels, [0, 0, 0], [0], [4], 2).open, true)
  const recoloured = flood(labels, [1, 1, 1], [1], [2], null)
  assert.equal(recoloured.edit.at.length, 24)
})

test('holes are filled in space and per slice; other structures in them stay', () => {
  const labels = cube([7, 7, 7])
  const shell = ([x, y, z]) => Math.max(Math.abs(x - 3), Math.abs(y - 3), Math.abs(z - 3)) === 2
  paint(labels, 1, shell)
  paint(labels, 2, ([x, y, z]) => x === 3 && y === 3 && z === 3)
  apply(labels, fillHoles(labels, [1], null))
  assert.deepEqual([count(labels, 1), count(labels, 2)], [124, 1])
  const tube = cube([5, 5, 4])
  paint(tube, 1, ([x, y]) => Math.max(Math.abs(x - 2), Math.abs(y - 2)) === 1)
  assert.equal(fillHoles(tube, [1], null).at.length, 0)
  assert.equal(fillHoles(tube, [1], 2).at.length, 4)
  assert.equal(fillHoles(tube, [1], 0).at.length, 0)
})

test('the largest piece stays; edges and corners connect', () => {
  const labels = cube([6, 6, 6])
  paint(labels, 1, ([x, y, z]) => x === y && y === z && x < 3)
  paint(labels, 1, ([x, y, z]) => z === 5 && y === 0 && x < 2)
  const { edit, pieces } = keepLargest(labels, [1])
  apply(labels, edit)
  assert.equal(pieces, 2)
  assert.deepEqual(points(labels, 1), [[0, 0, 0], [1, 1, 1], [2, 2, 2]])
})

test('a threshold clears only the structure, only outside the range', () => {
  const labels = cube([4, 1, 1])
  labels.data.set([1, 1, 2, 0])
  apply(labels, threshold(labels, [1], [10, 99, 99, 99], 0, 50))
  assert.deepEqual([...labels.data], [1, 0, 2, 0])
})

for (const plane of [0, 1, 2]) {
  test(`between two discs across axis ${plane} lie discs of the sizes in between`, () => {
    const labels = cube([21, 21, 21], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
    const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
    const disc = (slice, radius) => paint(labels, 3, (p) => p[plane] === slice && Math.hypot(p[u] - 10, p[v] - 10) <= radius)
    disc(4, 8), disc(12, 4)
    paint(labels, 5, (p) => p[plane] === 6 && p[u] === 10 && p[v] === 10)
    apply(labels, interpolate(labels, [3], plane))
    const area = (slice) => points(labels, 3).filter((p) => p[plane] === slice).length
    assert.equal(count(labels, 5), 1, 'another structure is not painted over')
    assert.equal(area(3) + area(13), 0)
    for (let slice = 5; slice < 12; slice++) assert.ok(area(slice) < area(slice - 1) + 2 && area(slice) > area(12) - 2)
    assert.ok(Math.abs(area(8) - Math.PI * 36) < 12, `radius 6 halfway: ${area(8)} voxels`)
  })
}

test('interpolation measures in mm, not in voxels', () => {
  const labels = cube([20, 10, 3], [1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1, 0])
  paint(labels, 1, ([x, , z]) => z === 0 && x < 10)
  paint(labels, 1, ([, y, z]) => z === 2 && y < 5)
  apply(labels, interpolate(labels, [1], 2))
  const filled = (x, y) => labels.data[index([20, 10, 3], [x, y, 1])] === 1
  // At x = 5, the first outline is 4.5 mm away; the second is 3.5 mm away at y = 5, and 7.5 mm at y = 6.
  assert.deepEqual([filled(5, 5), filled(5, 6), filled(15, 2), filled(15, 9)], [true, false, true, false])
})

test('distances to an outline are in mm, negative inside', () => {
  const mask = Uint8Array.from({ length: 35 }, (_, k) => (k % 7 >= 2 && k % 7 <= 4 && k >= 7 && k < 28 ? 1 : 0))
  const d = signedDistance(mask, [7, 5], [2, 3])
  assert.equal(d[2 * 7 + 3], -(4 - 1))
  assert.equal(d[2 * 7 + 0], 4 - 1)
  assert.equal(d[0 * 7 + 0], Math.hypot(4, 3) - 1)
})

test('smoothing removes a spike, keeps a plane, and respects spacing and neighbours', () => {
  const labels = cube([20, 20, 20])
  paint(labels, 1, ([, , z]) => z < 10)
  paint(labels, 1, ([x, y, z]) => x === 10 && y === 10 && z >= 10 && z < 14)
  apply(labels, smooth(labels, [1], 1))
  assert.equal(count(labels, 1), 4000)
  const thin = cube([9, 9, 9], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 10, 0])
  paint(thin, 1, ([, , z]) => z === 4)
  assert.equal(smooth(thin, [1], 1).at.length, 0, 'slices of 10 mm are not mixed by 1 mm')
  const pair = cube([20, 20, 20])
  paint(pair, 1, ([x, y]) => x < 10 && !(x === 9 && y === 10))
  paint(pair, 2, ([x, y]) => x === 9 && y === 10)
  apply(pair, smooth(pair, [1], 1.5))
  assert.equal(count(pair, 2), 20)
  assert.ok(Math.abs(gaussian(1.3).reduce((a, b) => a + b) - 1) < 1e-12)
})

test('errors and the worst slice', () => {
  const same = Uint8Array.from({ length: 256 }, (_, slot) => slot)
  const marked = errors(Uint8Array.of(1, 1, 0, 2, 0), Uint8Array.of(1, 0, 1, 1, 0), same, null)
  assert.deepEqual([...marked], [0, 1, 2, 3, 0])
  // Slot 3 is a further value of the structure of slot 1, slot 4 nobody's, slot 5 counts for nothing.
  const structures = [{ name: 'bone', value: 1, values: [1, 7], color: '' }, { name: 'liver', value: 2, values: [], color: '' }]
  const classes = memberships([0, 1, 2, 7, 9, 255].map((value) => ({ value, structure: null })), structures)
  assert.deepEqual([...classes.subarray(0, 6)], [0, 1, 2, 1, 0, 0])
  assert.deepEqual([...errors(Uint8Array.of(3, 4, 4, 5, 3, 0), Uint8Array.of(1, 0, 1, 1, 2, 4), classes, 5)], [0, 0, 2, 0, 3, 0])
  assert.deepEqual(worstSlice(Uint8Array.of(0, 0, 1, 0, 1, 1, 0, 0), [2, 2, 2], 2), { slice: 1, voxels: 2 })
  assert.deepEqual(worstSlice(Uint8Array.of(0, 1, 1, 1, 0, 0, 0, 0), [2, 2, 2], 0), { slice: 1, voxels: 2 })
  assert.equal(worstSlice(new Uint8Array(8), [2, 2, 2], 1), null)
  assert.deepEqual(tally(Uint8Array.of(0, 2, 2)).slice(0, 3), [1, 0, 2])
})

test('what forgotten edits came of stays known', () => {
  const labels = cube([4, 1, 1])
  const history = new History(3)
  for (const of of ['start', 'click', undefined]) history.push(apply(labels, { at: Uint32Array.of(0, 1), to: Uint8Array.of(1, 1), ...(of && { of }) }))
  assert.deepEqual(history.origins, ['start', 'click'], 'their labels are in effect')
  history.undo(labels)
  assert.equal(history.canUndo, false)
  assert.deepEqual(history.origins, ['start', 'click'])
})

test('label values of 16 bits go through 255 slots and come back', () => {
  const liver = { name: 'liver', value: 1000, values: [1000, 1001], color: '#aa0000' }
  const palette = new Palette([liver, { name: 'any', value: 7, values: [7, 1000], color: '#00aa00' }])
  const values = Uint16Array.of(0, 1000, 1001, 7, 30)
  const slots = palette.slotsOf(values)
  assert.deepEqual(palette.valuesOf(slots), values)
  assert.deepEqual([...slots].map((slot) => palette.slots[slot].structure?.name ?? null), [null, 'liver', 'liver', 'any', null])
  assert.equal(palette.freeValue(), 1002)
  assert.equal(palette.freeValue([1500, 2]), 1501)
  assert.equal(new Palette([liver]).freeValue([1, 2, 65535]), 3, 'no value is above 65535')
  assert.equal(new Palette([{ ...liver, color: '#00a087' }]).freshColor(), '#e69f00', 'not a colour that looks like one in use')
  assert.throws(() => palette.slotsOf(Float32Array.of(0.5)), /0.5 is not a label value/)
  assert.throws(() => palette.slotsOf(Uint16Array.from({ length: 300 }, (_, i) => i)), /more than 255 values/)
  assert.ok(new Palette([{ name: 'a', value: 3, values: [], color: '' }]).valuesOf(Uint8Array.of(1)) instanceof Uint8Array)
})
