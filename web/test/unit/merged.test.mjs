// Structures that were merged from several: all of their values are the structure, and each voxel keeps the one that it has.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interpolate } from '../../build/voxel/between.js'
import { allowed } from '../../build/voxel/brush.js'
import { apply, empty, toStructure } from '../../build/voxel/edit.js'
import { fillHoles, flood, keepLargest, threshold } from '../../build/voxel/fill.js'
import { voxel } from '../../build/voxel/grid.js'
import { Palette } from '../../build/voxel/palette.js'
import { smooth } from '../../build/voxel/smooth.js'
import { bundled } from './bundle.mjs'

const { Editor } = await bundled('refine/editor.ts')

const KIDNEYS = [2, 3]
const cube = (dims, matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]) => empty({ dims, matrix })
const row = (...values) => {
  const labels = cube([values.length, 1, 1])
  labels.data.set(values)
  return labels
}
const paint = (labels, value, belongs) => labels.data.forEach((_, at) => { if (belongs(voxel(labels.grid.dims, at))) labels.data[at] = value })
const after = (labels, edit) => {
  apply(labels, edit)
  return [...labels.data]
}
const count = ({ data }, value) => data.filter((each) => each === value).length

test('what is new in a structure gets its own value, and what is in it keeps its own', () => {
  const labels = row(0, 3, 1, 2)
  assert.deepEqual(after(labels, toStructure(labels, [0, 1, 2, 3], KIDNEYS)), [2, 3, 2, 2])
  const other = row(0, 3, 1, 2)
  assert.deepEqual([...allowed(other, Uint32Array.of(0, 1, 2, 3), { only: KIDNEYS, range: null })], [1, 3])
})

test('pieces are those of all values together', () => {
  const touching = row(2, 3, 3, 0, 2, 0)
  const { edit, pieces } = keepLargest(touching, KIDNEYS)
  assert.equal(pieces, 2)
  assert.deepEqual(after(touching, edit), [2, 3, 3, 0, 0, 0])
  const apart = row(2, 0, 0, 3, 3, 1)
  assert.deepEqual(after(apart, keepLargest(apart, KIDNEYS).edit), [0, 0, 0, 3, 3, 1])
})

test('a threshold clears all values, and a hole may lie between them', () => {
  const labels = row(2, 3, 3, 1)
  assert.deepEqual(after(labels, threshold(labels, KIDNEYS, [9, 9, 0, 0], 5, 10)), [2, 3, 0, 1])
  // A ring, one half of each value.
  const ring = cube([5, 5, 1])
  paint(ring, 2, ([x, y]) => Math.max(Math.abs(x - 2), Math.abs(y - 2)) === 1)
  paint(ring, 3, ([x, y]) => x > 2 && ring.data[x + 5 * y] === 2)
  apply(ring, fillHoles(ring, KIDNEYS, 2))
  assert.deepEqual([ring.data[12], count(ring, 2), count(ring, 3)], [2, 6, 3])
})

test('a fill takes all values of what it fills over, and leaves the structure that it fills with', () => {
  const over = row(2, 3, 3, 0, 2)
  assert.deepEqual(after(over, flood(over, [1, 0, 0], KIDNEYS, [1], null).edit), [1, 1, 1, 0, 2])
  const own = row(3, 3, 2)
  assert.equal(flood(own, [0, 0, 0], KIDNEYS, KIDNEYS, null).edit.at.length, 0)
})

test('slices between two values are filled', () => {
  const labels = cube([5, 5, 3])
  const inside = ([x, y]) => x > 0 && x < 4 && y > 0 && y < 4
  paint(labels, 3, (at) => at[2] === 0 && inside(at))
  paint(labels, 2, (at) => at[2] === 2 && inside(at))
  apply(labels, interpolate(labels, KIDNEYS, 2))
  assert.deepEqual([count(labels, 2), count(labels, 3)], [18, 9])
})

test('smoothing takes the border between two values for no surface', () => {
  const labels = cube([20, 20, 20])
  paint(labels, 2, ([, , z]) => z < 10)
  // One part is thin: alone it would vanish.
  paint(labels, 3, ([x, y, z]) => x === 9 && y === 10 && z < 10)
  assert.equal(smooth(labels, KIDNEYS, 1.5).at.length, 0)
  paint(labels, 3, ([x, y, z]) => x === 9 && y === 10 && z < 14)
  apply(labels, smooth(labels, KIDNEYS, 1.5))
  assert.deepEqual([count(labels, 2), count(labels, 3)], [3990, 10], 'only the spike is gone')
})

const kidneys = { name: 'kidneys', value: 2, values: [2, 3], color: '#e69f00' }
const liver = { name: 'liver', value: 1, values: [1], color: '#56b4e9' }

test('the slots of a structure: its own value first, and only those that are its', () => {
  const palette = new Palette([liver, { ...kidneys, values: [7, 2, 3] }])
  const labels = palette.slotsOf(Uint8Array.of(3, 2, 7, 1, 50, 51))
  const [right, left, cyst, ofLiver, unknown] = labels
  for (const slot of [right, left, cyst]) assert.deepEqual(palette.members(slot).map((each) => palette.slots[each].value), [2, 7, 3])
  assert.deepEqual([palette.members(ofLiver), palette.members(unknown), palette.members(0)], [[ofLiver], [unknown], [0]])
  assert.deepEqual([...palette.firsts].slice(0, 7), [0, 1, 2, 2, 2, 5, 6])
  // Of a new structure that became one of another person's.
  const [mine, theirs] = [{ ...liver, name: 'Cyst', value: 60, values: [60], added: true }, { ...liver, name: 'cyst', value: 61, values: [61], added: true }]
  const [first, second] = [palette.add(mine), palette.add(theirs)]
  palette.change(new Map([[mine, theirs]]))
  assert.deepEqual(palette.members(second), [first, second])
})

/** An editor of six voxels in a row, whose liver is in the second. */
function editing() {
  const palette = new Palette([kidneys, liver])
  const reference = palette.slotsOf(Uint8Array.from([0, 1, 2, 3, 3, 0]))
  const layers = { palette, correction: null, prediction: null, reference, name: (slot) => palette.slots[slot].structure?.name ?? 'background' }
  const display = { dims: [6, 1, 1], matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }
  const viewer = {
    layers, plane: 2, stage: { refreshLabels: () => undefined }, shown: { orientation: { display }, slope: 1, intercept: 0, voxels: Uint8Array.of(0, 0, 0, 0, 90, 0) },
    of: { structures: [kidneys, liver], correction: null },
  }
  const editor = new Editor(viewer, 'reference')
  editor.radius = 0.5
  const stroke = (from, to) => {
    editor.beginStroke()
    editor.brush([from, 0, 0], [to, 0, 0], 2)
    editor.endStroke()
  }
  return { editor, stroke, palette, values: () => [...palette.valuesOf(editor.slots)] }
}

test('an editor takes a merged structure for one', () => {
  const { editor, stroke, values } = editing()
  editor.whole('largest')
  assert.deepEqual(values(), [0, 1, 2, 3, 3, 0], 'it is in one piece')
  stroke(0, 5)
  assert.deepEqual(values(), [2, 2, 2, 3, 3, 2])
  editor.undo()
  editor.tool = 'erase'
  stroke(0, 5)
  assert.deepEqual(values(), [0, 1, 0, 0, 0, 0], 'the eraser takes both, and nothing else')
  editor.undo()
  editor.range = { from: 50, to: 100 }
  editor.whole('threshold')
  assert.deepEqual(values(), [0, 1, 0, 0, 3, 0])
  editor.undo()
  editor.slot = 3
  editor.fillInSpace = true
  editor.fill([4.4, 0, 0], 2)
  assert.deepEqual(values(), [0, 1, 1, 1, 1, 0])
})

test('what a network gives back with the one value of a structure keeps the values that it had', () => {
  const { editor, values, palette } = editing()
  const found = palette.slotsOf(Uint8Array.of(2, 1, 2, 2, 0, 0))
  const { text, followed } = editor.merge(editor.slots.slice(), found, { structure: 'kidneys', 'at-mm': [0, 0, 0], positive: true }, [0, 0, 0])
  assert.deepEqual(values(), [2, 1, 2, 3, 0, 0])
  assert.match(text, /^2 voxels changed/)
  assert.ok(followed)
})
