import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gridOf } from '../../build/chart.js'
import { canSegment, kindOf, networkText, ordered } from '../../build/pages/order.js'
import { words } from '../../build/pages/run-log.js'

const run = (name, dice, more = {}) => ({ name, dice, experiment: 'e', kind: 'training', 'can-segment': true, started: null, ...more })
const names = (runs) => runs.map(({ name }) => name)

test('networks: the best first, those without a Dice last; runs that cannot segment are left out', () => {
  const runs = [run('a', 0.417), run('b', null), run('c', 0.918), run('d', 0.99, { 'can-segment': false })]
  assert.deepEqual(names(canSegment(runs)), ['c', 'a', 'b'])
  assert.equal(networkText(run('c', 0.918, { 'structure-names': ['liver', 'spleen'] })), 'e: c – Dice 0.918 – liver, spleen')
  assert.equal(networkText(run('c', null)), 'e: c')
})

test('runs: by name as people count, or the newest first', () => {
  const runs = [run('seed 10', 0.9, { started: '2026-01-01' }), run('seed 2', 0.8, { started: '2026-02-01' }), run('seed 1', null)]
  assert.deepEqual(names(ordered(runs, 'name')), ['seed 1', 'seed 2', 'seed 10'])
  assert.deepEqual(names(ordered(runs, 'started')), ['seed 2', 'seed 10', 'seed 1'])
})

test('the kind of a run is said once', () => {
  assert.equal(kindOf(run('lr=0.01 ensemble of 2 seeds', null, { kind: 'ensemble' })), null)
  assert.equal(kindOf(run('mean of 4 folds', null, { kind: 'ensemble' })), 'ensemble')
  assert.equal(kindOf(run('a', null)), null)
})

test('lines of the log are sentences', () => {
  assert.equal(words({ event: 'epoch', epoch: 4, loss: 0.41456, validation: { dice: [0.9, 0.895, null], iou: [] } }), 'epoch 4: loss 0.4146, validation Dice 0.8975')
  assert.equal(words({ event: 'epoch', epoch: 5, loss: 0.4, validation: null }), 'epoch 5: loss 0.4000')
  assert.equal(words({ event: 'best', epoch: 4 }), 'best so far: epoch 4')
  assert.equal(words({ event: 'ended', outcome: { state: 'failed', reason: 'NaN' } }), 'ended NaN')
})

test('the grid of the curves ends, and holds every loss, also for numbers whose difference is none', () => {
  for (const [low, high] of [[-1e308, 1e308], [-1.7e308, 1.7e308], [0, 1.7e308], [0, 1e300]]) {
    const grid = gridOf(low, high)
    assert.ok(grid.length >= 5 && grid.every(Number.isFinite), `${grid}`)
    assert.ok(grid[0] <= low && grid.at(-1) >= high * (1 - 1e-9), `${grid}`)
  }
  assert.doesNotThrow(() => gridOf(NaN, Infinity))
})

test('the grid of the curves has round numbers for both axes, and holds every loss', () => {
  for (const [low, high] of [[0, 1.28], [0, 0.0371], [-0.93, 0.4], [0, 1e-6], [0, 812], [0, 1]]) {
    const grid = gridOf(low, high)
    const parts = grid.length - 1
    assert.ok(parts === 4 || parts === 5, `${parts}`)
    assert.ok(grid[0] <= low && grid.at(-1) >= high * (1 - 1e-9), `${grid}`)
    assert.ok(high - low > 0.45 * (grid.at(-1) - grid[0]), `${low} to ${high}: ${grid}`)
    for (const value of grid) assert.ok(String(value).length <= 8, `${value}`)
  }
})
