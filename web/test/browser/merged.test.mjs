// A structure that was merged from several: one row, one switch, one piece of work.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { matrixOf, nifti, SHAPE, voxels } from '../../mock/volumes.mjs'
import { count, differing, lab, pixels, skip } from './lab.mjs'

const COLOR = '#cc79a7'
const isPink = (r, g, b) => r > 90 && r - g > 25 && b - g > 15
const PARTS = [2, 300]
const KEY = 'f1/case 01'
const plane = SHAPE[0] * SHAPE[1]

/** The case with left-kidney and spleen as one structure of two values. */
const merging = (page) => page.route('**/api/runs/f1/cases/case%2001', async (route) => {
  const answer = await route.fetch()
  const body = await answer.json()
  const merge = (of) => {
    const { 'left-kidney': one, spleen: other, ...rest } = of
    return { ...rest, organs: one + other }
  }
  body.structures = [body.structures[0], { name: 'organs', value: 2, values: PARTS, color: COLOR }]
  body.volumes = { reference: merge(body.volumes.reference), prediction: merge(body.volumes.prediction) }
  await route.fulfill({ json: body })
})

const told = (page, text) => page.waitForFunction((part) => document.getElementById('messages')?.textContent.includes(part), text)

test('merged: table, switch, ◎ and tools take all parts of a structure for one', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean, shot } = await open('#/runs/f1/cases/case%2001?panes=axial&show=reference&refine', { routes: merging })
  await page.getByLabel('Start from').selectOption('reference')
  const reference = [...voxels('straight', 'reference')]
  const cell = async (column) => parseFloat(await page.locator('.structures tbody tr', { hasText: 'organs' }).locator('td').nth(column).textContent())
  assert.equal(await cell(3), await cell(1), 'the same labels have the same volume')
  assert.ok(await cell(3) > 0)
  assert.deepEqual(await page.getByLabel('Structure', { exact: true }).locator('option').allTextContents(), ['liver', 'organs'])

  // The slice with most of both, which is another one than that of the first part.
  const perSlice = (values) => Array.from({ length: SHAPE[2] }, (_, z) => reference.slice(z * plane, (z + 1) * plane).filter((value) => values.includes(value)).length)
  const most = (values) => perSlice(values).indexOf(Math.max(...perSlice(values)))
  assert.notEqual(most(PARTS), most([2]))
  await page.getByRole('button', { name: 'Go to organs' }).click()
  assert.equal(await page.getByLabel('Axial slice (z)').inputValue(), String(most(PARTS)))

  const drawn = async () => {
    await page.waitForTimeout(300)
    return count(pixels(await page.locator('.surface canvas').screenshot()), isPink)
  }
  assert.ok(await drawn() > 500)
  await page.getByLabel('Show organs').uncheck()
  assert.equal(await drawn(), 0, 'no part is left')
  await page.waitForFunction(() => location.hash.includes('hide=2,5,300'), null, { timeout: 5000 })
  await page.getByLabel('Show organs').check()

  await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'organs' })
  await page.getByRole('button', { name: 'Keep the largest piece' }).click()
  await told(page, '2 pieces: the largest was kept.')
  await page.waitForFunction(() => document.querySelector('.save')?.textContent.startsWith('Saved'), null, { timeout: 15_000 })
  const bytes = gunzipSync(server.state.corrections.get(KEY).file)
  const saved = reference.map((_, i) => bytes.readUInt16LE(352 + 2 * i))
  const of = (labels, value) => labels.filter((each) => each === value).length
  assert.deepEqual([of(saved, 2), of(saved, 300)], [0, of(reference, 300)], 'the larger part stays, with its value')
  assert.equal(of(saved, 1), of(reference, 1))
  await shot('merged')
  await clean()
})

test('merged: a link that hides one value hides the structure', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open('#/runs/f1/cases/case%2001?panes=axial&show=reference&hide=300', { routes: merging })
  assert.equal(await page.getByLabel('Show organs').isChecked(), false)
  await page.waitForFunction(() => location.hash.includes('hide=2,300'))
  await clean()
})

test('merged: parts that touch have one outline', { skip }, async (t) => {
  const { open } = await lab(t)
  const middle = SHAPE[0] / 2 - 8
  const pictures = []
  for (const isSplit of [false, true]) {
    const data = Uint16Array.from(voxels('straight', 'reference'), (value, i) => (value === 1 && isSplit && i % SHAPE[0] < middle ? 2 : value === 2 ? 0 : value))
    assert.equal(data.includes(2), isSplit)
    const { page, clean } = await open('#/runs/f1/cases/case%2001?panes=axial&show=reference&slice=z:12', { routes: async (routed) => {
      await routed.route('**/cases/case%2001/reference', (route) => route.fulfill({ body: nifti({ shape: SHAPE, matrix: matrixOf('straight'), data, datatype: 512 }), contentType: 'application/gzip' }))
      await routed.route('**/api/runs/f1/cases/case%2001', async (route) => {
        const body = await (await route.fetch()).json()
        body.structures = [{ ...body.structures[0], values: [1, 2] }, body.structures[2]]
        await route.fulfill({ json: body })
      })
    } })
    await page.waitForTimeout(500)
    pictures.push(pixels(await page.locator('.surface canvas').screenshot()))
    await clean()
  }
  assert.equal(differing(...pictures), 0)
})
