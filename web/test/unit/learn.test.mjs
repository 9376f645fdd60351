// What is said of a dataset with corrected labels, and of images that a network did not learn from.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundled } from './bundle.mjs'

const { datasetNotes } = await bundled('pages/cases.ts')
const { otherModality } = await bundled('pages/networks.ts')

test('cases that train now are named, with what is left to test', () => {
  const written = { file: 'datasets/a.toml', cases: ['p1'], moved: ['p1', 'p2'], test: 1, 'own-split': true, 'left-out': ['spine'], inseparable: [['left', 'right']], added: [] }
  const notes = datasetNotes(written).join(' ')
  for (const part of ['one corrected case', 'Training cases now: p1, p2; one test case is left', '`split` of its own', 'became background: spine', 'segmented: left, right']) assert.ok(notes.includes(part), `${part}: ${notes}`)
  assert.deepEqual(datasetNotes({ file: 'a', cases: ['x', 'y'] }).length, 1)
  assert.ok(datasetNotes({ file: 'a', cases: ['x'], 'cross-validation': true, moved: [] }).join(' ').includes('all folds but their own'))
})

test('a network is doubted for images of another modality, where both are known', () => {
  const run = (modality) => ({ modality })
  assert.equal(otherModality(run('ct'), 'MR'), 'CT')
  for (const [its, own] of [['ct', 'CT'], ['mr', null], [null, 'MR'], ['other', 'MR'], ['ct', 'SEG'], ['pet', 'PT']]) assert.equal(otherModality(run(its), own), null, `${its} ${own}`)
  assert.equal(otherModality(undefined, 'CT'), null)
})
