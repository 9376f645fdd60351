import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSlices, links, parse, parseSlices } from '../../build/route.js'

for (const [hash, expected] of [
  ['', { page: 'runs' }],
  ['#/runs', { page: 'runs' }],
  ['#/runs/0a%2Fb', { page: 'run', run: '0a/b' }],
  ['#/segment', { page: 'segment', job: null, upload: null }],
  ['#/segment?upload=', { page: 'segment', job: null, upload: null }],
  ['#/segment?upload=a-1', { page: 'segment', job: null, upload: 'a-1' }],
  ['#/segment/a-1', { page: 'segment', job: 'a-1', upload: null }],
  ['#/files?path=a%2Fb', { page: 'files', path: 'a/b' }],
  ['#/nonsense/x', { page: 'unknown', path: '/nonsense/x' }],
  ['#/runs/%E0%A4%A', { page: 'run', run: '%E0%A4%A' }],
]) test(`${hash || 'no hash'} is ${expected.page}`, () => assert.deepEqual(parse(hash), expected))

test('links lead back to what they were made of, whatever the names', () => {
  const source = { of: 'run', run: '1f?', name: 'case #1/a %' }
  const route = parse(`${links.case(source)}?slice=z:12&show=prediction`)
  assert.deepEqual(route.source, source)
  assert.equal(route.query.get('show'), 'prediction')
  assert.equal(parse(links.files('a b/&c')).path, 'a b/&c')
  assert.equal(parse(links.upload('a b/&c')).upload, 'a b/&c')
  for (const other of [{ of: 'job', job: '7' }, { of: 'file', path: 'a b/c&d' }]) assert.deepEqual(parse(links.case(other)).source, other)
})

test('slices are read and written; nonsense is not taken for one', () => {
  assert.deepEqual(parseSlices('z:12'), [{ axis: 2, slice: 12 }])
  assert.equal(formatSlices(parseSlices('z:12,x:3')), 'z:12,x:3')
  for (const bad of ['w:1', 'z:-1', 'z:', '12', 'z:1,', '', null]) assert.equal(parseSlices(bad), null)
})
