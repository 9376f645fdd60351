// The labels that are being refined: names of new structures, strokes and undo, what two people drew put together.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Palette } from '../../build/voxel/palette.js'
import { bundled } from './bundle.mjs'

const { Editor } = await bundled('refine/editor.ts')
const { nameFault } = await bundled('refine/names.ts')

const DIMS = [6, 1, 1]
const LIVER = { name: 'liver', value: 1, values: [1], color: '#e69f00' }
const SPINE = { name: 'spine', value: 5, values: [5], color: '#999999', other: true }

/** What an editor needs of a viewer: six voxels in a row, 1 mm each. */
function viewer({ prediction = [0, 1, 1, 0, 0, 0], reference = [0, 1, 1, 0, 5, 5] } = {}) {
  const palette = new Palette([LIVER, SPINE])
  const layers = {
    palette, correction: null, prediction: palette.slotsOf(Uint8Array.from(prediction)), reference: palette.slotsOf(Uint8Array.from(reference)),
    name: (slot) => palette.slots[slot].structure?.name ?? 'background',
  }
  const display = { dims: DIMS, matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }
  return {
    layers, plane: 2, stage: { refreshLabels: () => undefined }, shown: { orientation: { display }, slope: 1, intercept: 0, voxels: new Uint8Array(6) },
    of: { structures: [LIVER], 'other-structures': [{ name: 'spine', value: 5 }], 'taken-values': [0, 1, 5], 'taken-names': ['liver', 'renal-cortex'], 'ignored-value': null, correction: null },
  }
}

function editing(base = 'prediction') {
  const own = viewer()
  const editor = new Editor(own, base)
  editor.radius = 0.5
  const values = () => [...own.layers.palette.valuesOf(editor.slots)]
  let edits = 0
  editor.edited = () => { edits++ }
  const dab = (x) => editor.brush([x, 0, 0], [x, 0, 0], 2)
  const slots = (labels) => own.layers.palette.slotsOf(Uint8Array.from(labels))
  return { editor, values, dab, slots, edits: () => edits, palette: own.layers.palette }
}

test('names of new structures are judged as the server does', () => {
  const taken = ['liver', 'left-kidney', 'tumour']
  for (const name of ['cyst', 'x'.repeat(64), '😀'.repeat(64), 'liver 2', 'livers', 'Zyste (links)']) assert.equal(nameFault(name, taken), null, name)
  for (const [name, part] of [
    ['', /1 to 64 characters/], ['x'.repeat(65), /1 to 64 characters/], ['😀'.repeat(65), /1 to 64 characters/], ['../x', /slash/], ['a/b', /slash/], ['a\nb', /slash/],
    ['Background', /background/], ['back ground', null], ['-background_', /background/], ['Liver', /There is a structure liver already/],
    ['Left Kidney', /left-kidney/], ['left__kidney', /left-kidney/], ['TUMOUR', /tumour/],
  ]) part ? assert.match(nameFault(name, taken) ?? 'taken', part, name) : assert.equal(nameFault(name, taken), null, name)
})

test('a name is compared with every structure of the case', () => {
  const { editor, palette } = editing()
  assert.match(editor.addStructure('Liver', '#009e73'), /structure liver already/)
  assert.equal(editor.addStructure('Spine', '#009e73'), 'spine belongs to the dataset, but this run does not segment it, so it cannot be drawn here.')
  assert.match(editor.addStructure('Renal Cortex', '#009e73'), /dataset has renal-cortex for something else/)
  assert.equal(palette.slots.length, 3, 'nothing was added')
  assert.equal(editor.addStructure('tumour', '#009e73'), null)
  assert.match(editor.addStructure('Tumour', '#009e73'), /structure tumour already/)
  for (let i = 1; i < 50; i++) assert.equal(editor.addStructure(`s${i}`, '#009e73'), null)
  assert.match(editor.addStructure('one more', '#009e73'), /50 new structures at most/)
})

test('a stroke belongs to who began it, and is one step', () => {
  const { editor, values, dab, edits } = editing()
  const before = values()
  assert.equal(editor.beginStroke(), true)
  dab(3)
  assert.equal(editor.beginStroke(), false, 'a key begins none meanwhile')
  dab(4)
  editor.endStroke()
  assert.deepEqual([values(), edits()], [[0, 1, 1, 1, 1, 0], 1])
  editor.endStroke()
  dab(5)
  assert.deepEqual([values(), edits()], [[0, 1, 1, 1, 1, 0], 1], 'outside of a stroke, nothing is drawn that nobody saves')
  editor.undo()
  assert.deepEqual(values(), before)
})

test('a stroke that is given up leaves nothing, and what was undone can be redone', () => {
  const { editor, values, dab, edits } = editing()
  const before = values()
  editor.beginStroke()
  dab(4)
  editor.endStroke()
  const drawn = values()
  editor.undo()
  const done = edits()
  editor.beginStroke()
  dab(3)
  dab(0)
  editor.dropStroke()
  assert.deepEqual([values(), editor.isDrawing, editor.canUndo, edits()], [before, false, false, done])
  editor.redo()
  assert.deepEqual(values(), drawn)
  // Without a stroke, there is nothing to give up.
  editor.dropStroke()
  assert.deepEqual(values(), drawn)
})

test('undo and redo do nothing during a stroke; afterwards, they lead through states that were there', () => {
  const { editor, values, dab } = editing()
  const states = [values()]
  const stroke = (...places) => {
    editor.beginStroke()
    for (const x of places) {
      dab(x)
      editor.undo()
    }
    editor.endStroke()
    states.push(values())
  }
  stroke(3)
  editor.tool = 'erase'
  stroke(1, 3)
  editor.tool = 'brush'
  stroke(0, 1)
  assert.deepEqual(states.slice(1), [[0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]])
  for (const state of states.slice(0, -1).reverse()) {
    editor.undo()
    assert.deepEqual(values(), state)
  }
  assert.equal(editor.canUndo, false)
  for (const state of states.slice(1)) {
    editor.beginStroke()
    editor.redo()
    editor.endStroke()
    editor.redo()
    assert.deepEqual(values(), state)
  }
})

test('another edit during a stroke is a step between its parts', () => {
  const { editor, values, dab } = editing()
  const states = [values()]
  const note = () => states.push(values())
  editor.beginStroke()
  dab(4)
  note()
  editor.whole('largest')
  note()
  dab(5)
  dab(0)
  note()
  editor.endStroke()
  assert.deepEqual(states, [[0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 1, 0], [0, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 1]])
  for (const state of states.slice(0, -1).reverse()) {
    editor.undo()
    assert.deepEqual(values(), state)
  }
  assert.equal(editor.canUndo, false)
})

test('labels put together hold only what their base allows, and are the beginning of what can be undone', () => {
  const { editor, values, dab, slots } = editing()
  const since = editor.slots.slice()
  editor.restart('reference')
  editor.beginStroke()
  dab(0)
  editor.endStroke()
  assert.deepEqual(values(), [1, 1, 1, 0, 5, 5])
  // Theirs is drawn upon the prediction, which knows no spine.
  const said = editor.adopt(slots([0, 1, 1, 1, 1, 0]), { base: 'prediction', prediction: null }, since)
  assert.deepEqual(values(), [1, 1, 1, 1, 1, 0])
  assert.match(said, /Left out: spine/)
  assert.deepEqual([editor.base, editor.drawnUpon.base, editor.canUndo, editor.canRedo], ['correction', 'prediction', false, false])
  editor.undo()
  assert.deepEqual(values(), [1, 1, 1, 1, 1, 0])
  editor.restart('empty')
  editor.undo()
  assert.deepEqual([values(), editor.drawnUpon.base], [[1, 1, 1, 1, 1, 0], 'prediction'])
})

test('labels put together keep what their base has', () => {
  const { editor, values, slots } = editing()
  const since = editor.slots.slice()
  editor.restart('reference')
  const said = editor.adopt(slots([1, 1, 1, 0, 0, 5]), { base: 'reference', prediction: null }, since)
  assert.deepEqual([values(), editor.drawnUpon.base], [[1, 1, 1, 0, 5, 5], 'reference'])
  assert.doesNotMatch(said, /Left out/)
})
