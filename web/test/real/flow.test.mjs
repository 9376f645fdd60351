// From a folder of DICOM slices to corrected labels in other programs.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { count, isGrey, pixels, ready } from '../browser/chromium.mjs'
import { lab, python, runFolder, save, segspec, skip } from './lab.mjs'
import { axisOf, checkStroke, drawnAndSaved, isLiver, look, saved, stroke } from './viewing.mjs'

/** Drops a folder as a file manager does. */
async function drop(page, folder) {
  const box = await page.locator('.drop').boundingBox()
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  const devtools = await page.context().newCDPSession(page)
  const data = { items: [], files: [folder], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop']) await devtools.send('Input.dispatchDragEvent', { type, x, y, data })
}

const PARTS = { coronal: [0, 0, 0.5, 0.45], sagittal: [0.53, 0, 1, 0.45], axial: [0, 0.5, 0.5, 1], '3D': [0.53, 0.5, 1, 1] }

async function downloaded(page, locator, file) {
  const [download] = await Promise.all([page.waitForEvent('download'), locator.click()])
  await download.saveAs(file)
  return download.suggestedFilename()
}

test('a DICOM folder is dropped, segmented, looked at, corrected, and comes back in mm as NRRD and DICOM SEG', { skip }, async (t) => {
  const { open, folder, server } = await lab(t)
  const { page, clean, shot } = await open('#/segment')
  const slices = path.join(folder, 'dicom/Patient_01/im_1')
  await drop(page, slices)
  await page.getByRole('button', { name: 'Segment', exact: true }).waitFor({ timeout: 20_000 })
  assert.match(await page.getByLabel('Series').locator('option').first().textContent(), /\d+ slices, ct/i)
  const network = page.getByLabel('Network')
  const wanted = await network.locator('option', { hasText: 'phantom' }).first().getAttribute('value')
  await network.selectOption(wanted)
  await page.getByLabel('Probability maps, too').check()
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByText(/^Done in/).waitFor({ timeout: 60_000 })
  assert.deepEqual(await page.locator('.result a[download]').allTextContents(), ['NIfTI', 'NRRD', 'NRRD with names (3D Slicer)', 'DICOM SEG', 'STL', 'GLB'])
  const plain = path.join(folder, 'result.nrrd')
  assert.match(await downloaded(page, page.locator('.result a[data-format=nrrd]'), plain), /.+-segmentation\.nrrd$/, 'named after the image')
  await shot('real-segment')

  await page.getByRole('link', { name: 'Look at the result' }).click()
  await page.locator('.surface canvas').waitFor()
  await page.getByLabel('Show liver').waitFor()
  await page.evaluate(() => document.activeElement.blur())
  await page.getByLabel('Go to liver').click()
  await page.waitForTimeout(1500)
  const picture = pixels(await page.locator('.surface').screenshot())
  await shot('real-result')
  for (const [name, part] of Object.entries(PARTS)) {
    if (name !== '3D') assert.ok(count(picture, isGrey, part) > 2000, `${name}: the image is drawn`)
    assert.ok(count(picture, isLiver, part) > 300, `${name}: the liver is drawn, ${count(picture, isLiver, part)} pixels`)
  }
  await page.getByLabel('Probability map').selectOption('liver')
  await page.locator('.probability').waitFor()
  await page.waitForTimeout(500)
  await shot('real-probability')
  await page.getByLabel('Probability map').selectOption('')

  // One stroke of the spleen through the axial slice, with the places of its ends read from the panel.
  await page.keyboard.press('1')
  await page.waitForTimeout(500)
  const box = await page.locator('.surface canvas').boundingBox()
  const at = (dx, dy) => [box.x + box.width / 2 + dx, box.y + box.height / 2 + dy]
  const ends = [at(-90, -30), at(70, 45)]
  const [from, to] = [await look(page, ...ends[0]), await look(page, ...ends[1])]
  await page.keyboard.press('r')
  await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'spleen' })
  await page.evaluate(() => document.activeElement.blur())
  for (let i = 0; i < 6; i++) await page.keyboard.press('l')
  await drawnAndSaved(page, () => stroke(page, ...ends))
  await shot('real-corrected')
  const corrected = path.join(folder, 'corrected.nrrd')
  assert.match(await downloaded(page, page.locator('.refine a[data-format=nrrd]'), corrected), /-segmentation-corrected\.nrrd$/)
  const grid = await python('voxels', plain)
  const before = new Map(grid.places.map((place, i) => [place.join(), grid.values[i]]))
  const { voxels, 'grid-gap-mm': moved } = await python('difference', plain, corrected)
  assert.ok(moved < 1e-3, `the grid is that of the result: ${moved} mm`)
  checkStroke(voxels, { from: from.file, to: to.file, radius: 8, axis: axisOf(voxels, from, to), matrix: grid.affine, size: grid.size, value: 4, isFree: (place) => before.get(place.join()) !== 4 })

  // The DICOM SEG of the corrected labels: read by highdicom, on the slices of the series, the same voxels in mm.
  const dicom = path.join(folder, 'corrected.dcm')
  await downloaded(page, page.locator('.refine a[data-format=dcm]'), dicom)
  const seg = await python('segmentation', dicom, slices)
  const all = await python('voxels', corrected)
  assert.ok(seg.study && seg.referenced > 0 && seg.referenced <= seg.slices, JSON.stringify({ ...seg, segments: undefined }))
  const key = (place) => place.map((v) => Math.round(v * 10)).join()
  for (const [name, value] of [['liver', 1], ['left-kidney', 2], ['right-kidney', 3], ['spleen', 4]]) {
    const wanted = all.world.filter((_, i) => all.values[i] === value).map(key)
    assert.deepEqual((seg.segments[name] ?? []).map(key).sort(), wanted.sort(), `${name} is where the NRRD has it`)
  }
  // Who comes back finds what was drawn.
  await page.reload()
  await ready(page)
  // The address says that one refines, and one goes on with it; looking at it is a choice again when refining has ended.
  await page.locator('.refine').waitFor()
  await page.keyboard.press('r')
  await page.getByLabel('Correction', { exact: true }).check()
  await page.keyboard.press('r')
  await page.locator('.refine a[data-format=dcm]').waitFor()
  await clean()
  assert.equal((await (await server.ask('/api/jobs')).json())[0].correction.changed.spleen > 0, true)
})

test('a case of a run is corrected with a new structure, and becomes a dataset that can be used', { skip }, async (t) => {
  const { open, folder, server } = await lab(t)
  const id = await server.idOf('phantom')
  const { cases } = await (await server.ask(`/api/runs/${id}`)).json()
  const name = cases[0].name
  const { page, clean, shot } = await open(`#/runs/${id}`)
  await page.getByRole('link', { name, exact: true }).click()
  await page.locator('.surface canvas').waitFor()
  await page.keyboard.press('1')
  await page.waitForTimeout(800)
  const box = await page.locator('.surface canvas').boundingBox()
  const at = (dx, dy) => [box.x + box.width / 2 + dx, box.y + box.height / 2 + dy]
  const ends = [at(-60, 40), at(50, -30)]
  const [from, to] = [await look(page, ...ends[0]), await look(page, ...ends[1])]
  await page.keyboard.press('r')
  await page.getByText('New structure').click()
  await page.getByLabel('Name of the new structure').fill('tumour')
  const color = await page.getByLabel('Colour', { exact: true }).inputValue()
  await page.getByRole('button', { name: 'Add' }).click()
  await page.evaluate(() => document.activeElement.blur())
  for (let i = 0; i < 6; i++) await page.keyboard.press('l')
  await drawnAndSaved(page, () => stroke(page, ...ends))
  await shot('real-new-structure')
  const place = runFolder(folder, 'phantom')
  const file = path.join(place, 'corrections', `${name}.nrrd`)
  const { correction, prediction } = await (await server.ask(`/api/runs/${id}/cases/${name}`)).json()
  const own = await save(server, prediction.url, path.join(folder, 'prediction.nii.gz'))
  const grid = await python('voxels', own)
  const { voxels, 'grid-gap-mm': moved } = await python('difference', own, file)
  assert.ok(moved < 1e-3, `${moved} mm`)
  // The dataset's own values end at 6.
  checkStroke(voxels, { from: from.file, to: to.file, radius: 8, axis: axisOf(voxels, from, to), matrix: grid.affine, size: grid.size, value: 7 })
  assert.deepEqual([correction.who, correction.base, correction.structures], ['Anna', 'prediction', [{ name: 'tumour', value: 7, color }]])
  const record = JSON.parse(readFileSync(path.join(place, 'corrections/corrections.json'), 'utf8'))
  assert.equal(record.corrections[name].changed.tumour, voxels.length)
  const { keys } = await python('voxels', file)
  const named = Object.entries(keys).find(([key, value]) => /^Segment\d+_LabelValue$/.test(key) && value === '7')[0].replace('LabelValue', 'Name')
  assert.equal(keys[named], 'tumour')

  await page.getByRole('link', { name: 'Back' }).click()
  await page.getByLabel('Name of the dataset').fill('second')
  await page.getByRole('button', { name: 'Write a dataset with the corrections' }).click()
  await page.getByText('takes one corrected case').waitFor()
  const said = await page.locator('details p[role=status]').textContent()
  assert.match(said, /became background: spine, ribs.*New structures.*tumour/)
  assert.ok(existsSync(path.join(folder, 'data/corrections/second', `${name}.nrrd`)))
  await segspec(folder, 'dataset', 'check', 'second')
  assert.match(readFileSync(path.join(folder, 'datasets/second.toml'), 'utf8'), /name = "tumour"\nvalue = 7/)
  await clean()

  // In the next case the new structure is there, with the same value.
  const next = await open(`#/runs/${id}/cases/${cases[1].name}?panes=axial&refine`)
  await next.page.getByLabel('Structure', { exact: true }).selectOption({ label: 'tumour' })
  await next.page.evaluate(() => document.activeElement.blur())
  await next.page.keyboard.press('Space')
  await saved(next.page)
  const second = await python('voxels', path.join(place, 'corrections', `${cases[1].name}.nrrd`))
  assert.ok(second.values.includes(7))
  await next.clean()
})

test('probability maps of a case are made when they are asked for, and lie on its structures', { skip }, async (t) => {
  const { open, folder, server } = await lab(t)
  const id = await server.idOf('phantom')
  const { cases } = await (await server.ask(`/api/runs/${id}`)).json()
  const { page, clean } = await open(`#/runs/${id}/cases/${cases[0].name}?panes=axial`)
  await page.getByRole('button', { name: 'Compute probability maps' }).click()
  await page.getByLabel('Probability map').selectOption('liver', { timeout: 60_000 })
  await page.locator('.probability').waitFor()
  await page.reload()
  await ready(page)
  assert.deepEqual(await page.getByLabel('Probability map').locator('option').allTextContents(), ['none', 'liver', 'left-kidney', 'right-kidney', 'spleen'])
  const known = await (await server.ask(`/api/runs/${id}/cases/${cases[0].name}`)).json()
  const map = await save(server, known.probabilities[0].url, path.join(folder, 'map.nii.gz'))
  const own = await save(server, known.prediction.url, path.join(folder, 'own.nii.gz'))
  const found = await python('window', map, `${own}=1`)
  assert.ok(found.least >= 0 && found.most <= 1 && found.inside > 0.6 && found.outside < 0.1, JSON.stringify(found))
  await clean()
})

