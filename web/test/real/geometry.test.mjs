// A voxel painted at a known place comes back there, whatever the axes of the image.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ready } from '../browser/chromium.mjs'
import { lab, python, save, skip } from './lab.mjs'
import { axisOf, checkStroke, drawnAndSaved, gap, look, readout, stroke, world } from './viewing.mjs'

const SPOT = [7, 21, 11]

/** Segments a file with the trained run; the id of the job. */
async function segmented(server, run, where) {
  const job = await (await server.ask('/api/jobs', { method: 'POST', body: JSON.stringify({ run, path: where }) })).json()
  for (;;) {
    const { state, error } = await (await server.ask(`/api/jobs/${job.id}`)).json()
    if (state === 'done') return job.id
    assert.ok(['queued', 'running'].includes(state), `${where}: ${state} ${error}`)
    await new Promise((later) => setTimeout(later, 100))
  }
}

test('oblique, anisotropic, flipped, permuted and left-handed images: painted voxels come back in the right place in mm', { skip }, async (t) => {
  const grids = {}
  const { open, folder, server } = await lab(t, {
    make: async (folder) => {
      mkdirSync(path.join(folder, 'data/grids'))
      Object.assign(grids, await python('make', path.join(folder, 'data/grids')))
    },
  })
  const run = await server.idOf('phantom')
  assert.ok(Object.values(grids).some(({ determinant }) => determinant < 0), 'one is left-handed')
  const { page, clean } = await open('#/runs')
  for (const [name, { affine, size }] of Object.entries(grids)) {
    for (const ending of ['nii.gz', 'nrrd']) {
      const what = `${name}.${ending}`
      const image = path.join(folder, 'data/grids', what)
      const job = await segmented(server, run, `grids/${what}`)
      const [x, y, z] = SPOT
      await page.evaluate((hash) => { delete document.body.dataset.ready; location.hash = hash }, `#/jobs/${job}?slice=z:${z},y:${y},x:${x}&panes=axial&show=none`)
      await ready(page)
      await page.waitForTimeout(200)
      const seen = await readout(page)
      assert.deepEqual(seen.file, SPOT, `${what}: the slices of the link`)
      assert.ok(gap(seen.world, world(affine, SPOT)) < 0.12, `${what}: ${seen.world} is ${world(affine, SPOT)}`)
      assert.equal(seen.value, await python('value', image, ...SPOT), `${what}: the value of the voxel`)

      await page.keyboard.press('r')
      await page.getByLabel('Start from').selectOption('empty')
      await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'spleen' })
      await page.evaluate(() => document.activeElement.blur())
      for (let i = 0; i < 10; i++) await page.keyboard.press('k')
      await drawnAndSaved(page, () => page.keyboard.press('Space'))
      for (const format of ['nrrd', 'nii.gz']) {
        const one = await python('voxels', await save(server, `/api/jobs/${job}/files/${format}?of=correction`, path.join(folder, `one.${format}`)))
        assert.deepEqual([one.values, one.size], [[4], size], `${what} as ${format}`)
        assert.ok(gap(one.world[0], world(affine, SPOT)) < 0.01, `${what} as ${format}: ${one.world[0]} is ${world(affine, SPOT)}`)
      }

      // A stroke with the mouse in another pane.
      await page.keyboard.press('2')
      await page.waitForTimeout(300)
      const box = await page.locator('.surface canvas').boundingBox()
      const at = (dx, dy) => [box.x + box.width / 2 + dx, box.y + box.height / 2 + dy]
      const ends = [at(-80, 35), at(60, -50)]
      await page.keyboard.press('r')
      const [from, to] = [await look(page, ...ends[0]), await look(page, ...ends[1])]
      await page.keyboard.press('r')
      for (let i = 0; i < 2; i++) await page.keyboard.press('k')
      await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'liver' })
      await page.evaluate(() => document.activeElement.blur())
      const empty = path.join(folder, 'one.nrrd')
      await drawnAndSaved(page, () => stroke(page, ...ends))
      const { voxels } = await python('difference', empty, await save(server, `/api/jobs/${job}/files/nrrd?of=correction`, path.join(folder, 'two.nrrd')))
      checkStroke(voxels, { from: from.file, to: to.file, radius: 4, axis: axisOf(voxels, from, to), matrix: affine, size, value: 1 })
      await server.ask(`/api/jobs/${job}`, { method: 'DELETE' })
    }
  }
  await clean()
})
