// New structures of two pages with one name or one value: what becomes of them, and that labels and undo keep what was drawn.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Palette } from '../../build/voxel/palette.js'
import { bundled } from './bundle.mjs'

const { giveWay } = await bundled('refine/renumber.ts')

const LIVER = { name: 'liver', value: 1, values: [1, 7], color: '#e69f00' }
const added = (name, value, color = '#009e73') => ({ name, value, values: [value], color, added: true })

/** A page with new structures of its own, and labels that hold the values of its palette once each, in the order of its slots. */
function page(...own) {
  const palette = new Palette([LIVER, ...own])
  const values = palette.slots.map(({ value }) => value)
  const labels = palette.slotsOf(Uint16Array.from(values))
  const of = {}
  return {
    palette, of, labels, meet: (structures, taken = [0, 1, 7]) => giveWay({ layers: { palette }, of }, { structures, 'taken-values': taken, 'taken-names': ['spine'] }),
    now: () => [...palette.valuesOf(labels)], names: () => [...labels].map((slot) => palette.slots[slot].structure?.name ?? null),
    listed: () => palette.slots.filter(({ structure }, slot) => structure && palette.slot(structure) === slot).map(({ structure }) => [structure.name, structure.value]),
  }
}

test('what nobody else has stays as it is', () => {
  const { meet, now, of } = page(added('cyst', 8))
  assert.equal(meet([LIVER, added('cyst', 8), added('nodule', 9)]), '')
  assert.deepEqual(now(), [0, 1, 7, 8])
  assert.deepEqual([of['taken-values'], of['taken-names']], [[0, 1, 7], ['spine']])
})

test('a structure whose value is taken gets the next free one, and the other one is there beside it', () => {
  const { meet, now, names, listed } = page(added('cyst', 8))
  assert.match(meet([LIVER, added('nodule', 8), added('bulla', 9)], [0, 1, 7, 10]), /value of cyst, which has the value 11/)
  assert.deepEqual([now(), names()], [[0, 1, 7, 11], [null, 'liver', 'liver', 'cyst']])
  assert.deepEqual(listed(), [['liver', 1], ['cyst', 11], ['nodule', 8], ['bulla', 9]])
})

test('a structure whose name is taken takes the other one’s value, colour and spelling', () => {
  const { meet, now, names, palette } = page(added('Left Cyst', 8))
  assert.match(meet([LIVER, added('left-cyst', 12, '#112233')]), /left-cyst, too: .* 12/)
  assert.deepEqual([now(), names()], [[0, 1, 7, 12], [null, 'liver', 'liver', 'left-cyst']])
  assert.equal(palette.slots[3].structure.color, '#112233')
  assert.equal(palette.slots.length, 4, 'it is one structure')
  // The server compares all three.
  assert.equal(page(added('cyst', 8)).meet([LIVER, added('cyst', 8, '#112233')]).length > 0, true)
})

test('of several, each gets a value of its own, also where they change places', () => {
  const { meet, now, names } = page(added('cyst', 8), added('nodule', 9), added('bulla', 10))
  meet([LIVER, added('nodule', 8), added('scar', 9), added('clip', 10)])
  assert.deepEqual(names(), [null, 'liver', 'liver', 'cyst', 'nodule', 'bulla'])
  assert.deepEqual(now(), [0, 1, 7, 11, 8, 12])
})

test('a structure of a correction that was withdrawn gives way as one of the page', () => {
  const { meet, now } = page(added('cyst', 8))
  assert.match(meet([LIVER, added('nodule', 8)]), /cyst/)
  assert.match(meet([LIVER, added('nodule', 8), added('clip', 9)]), /cyst, which has the value 10/)
  assert.deepEqual(now(), [0, 1, 7, 10])
})

test('a value that was only in files so far becomes the structure that got it', () => {
  const { palette, meet } = page(added('cyst', 8))
  // Two values without a meaning.
  const labels = palette.slotsOf(Uint16Array.from([8, 50, 51]))
  meet([LIVER, added('Cyst', 50), added('nodule', 51)])
  assert.deepEqual([...palette.valuesOf(labels)], [50, 50, 51])
  assert.deepEqual([...labels].map((slot) => palette.slots[slot].structure?.name), ['Cyst', 'Cyst', 'nodule'])
  assert.deepEqual(palette.addedIn(labels).map(({ name }) => name), ['Cyst', 'nodule'], 'each once')
})

test('labels that were sent before come back by the values of then', () => {
  const { palette, meet, labels } = page(added('cyst', 8))
  const { numbering } = palette
  const sent = palette.valuesOf(labels)
  meet([LIVER, added('nodule', 8)])
  assert.deepEqual([...palette.slotsOf(sent, numbering)], [...labels])
  assert.notDeepEqual([...palette.slotsOf(sent)], [...labels])
})
