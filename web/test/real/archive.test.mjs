// From a real archive (Orthanc) through the page, and back into it.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { orthanc } from './orthanc.mjs'
import { lab, python, save, skip } from './lab.mjs'
import { drawnAndSaved, stroke } from './viewing.mjs'

test('a study comes from the archive, is segmented and corrected, and the archive has its segmentations', { skip }, async (t) => {
  const archive = await orthanc(t)
  if (!archive) return
  const env = { SEGSPEC_PACS_USER: archive.user, SEGSPEC_PACS_PASSWORD: archive.password }
  const { open, folder, server } = await lab(t, { args: ['--pacs', archive.url], env })
  const slices = path.join(folder, 'dicom/Patient_01/im_1')
  for (const name of readdirSync(slices)) await archive.ask('instances', { method: 'POST', body: readFileSync(path.join(slices, name)) })
  const [study] = await archive.json('studies?expand')
  /** Series of the study, by Orthanc's own interface. */
  const series = (modality) => archive.json(`studies/${study.ID}/series`).then((all) => all.filter(({ MainDicomTags }) => MainDicomTags.Modality === modality))

  const { page, clean, shot } = await open('#/segment')
  await page.getByLabel('Modality').selectOption('CT')
  await page.getByRole('button', { name: 'Find studies' }).click()
  await page.getByText('1 study', { exact: true }).waitFor()
  await page.getByRole('button', { name: /^Series of/ }).click()
  const fetch = page.getByRole('button', { name: /^Fetch / })
  await fetch.waitFor()
  assert.match(await fetch.getAttribute('aria-label'), new RegExp(`CT.*, ${readdirSync(slices).length} objects$`))
  await shot('real-archive')
  await fetch.click()
  await page.getByRole('button', { name: 'Segment', exact: true }).waitFor({ timeout: 20_000 })
  const network = page.getByLabel('Network')
  await network.selectOption(await network.locator('option', { hasText: 'phantom' }).first().getAttribute('value'))
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByText(/^Done in/).waitFor({ timeout: 60_000 })

  assert.deepEqual(await series('SEG'), [], 'nothing is sent by itself')
  const send = async () => {
    await page.getByRole('button', { name: 'Send to archive' }).click()
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.getByText('The archive has stored it.').waitFor({ timeout: 20_000 })
  }
  await send()
  await shot('real-archive-sent')
  const [stored, ...more] = await series('SEG')
  assert.equal(more.length, 0)
  assert.equal((await archive.json('studies')).length, 1, 'the segmentation belongs to the study of its images')
  const own = path.join(folder, 'stored.dcm')
  writeFileSync(own, await archive.bytes(`instances/${stored.Instances[0]}/file`))
  const { study: isOfStudy, referenced, segments } = await python('segmentation', own, slices)
  assert.ok(isOfStudy && referenced > 0, `${referenced} slices are referenced`)
  const [job] = await (await server.ask('/api/jobs')).json()
  const result = await save(server, job.result.downloads.find(({ format }) => format === 'nrrd').url, path.join(folder, 'result.nrrd'))
  const voxels = await python('voxels', result)
  const key = (place) => place.map((v) => Math.round(v * 10)).join()
  const liver = voxels.world.filter((_, i) => voxels.values[i] === 1).map(key).sort()
  assert.ok(liver.length > 100)
  assert.deepEqual(segments.liver.map(key).sort(), liver, 'the liver in the archive is that of the result, in mm')

  // What a person corrects is sent as well, when the person says so.
  await page.getByRole('link', { name: 'Look at the result' }).click()
  await page.locator('.surface canvas').waitFor()
  await page.keyboard.press('1')
  await page.waitForTimeout(500)
  await page.keyboard.press('r')
  await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'spleen' })
  await page.evaluate(() => document.activeElement.blur())
  const box = await page.locator('.surface canvas').boundingBox()
  const at = (dx, dy) => [box.x + box.width / 2 + dx, box.y + box.height / 2 + dy]
  await drawnAndSaved(page, () => stroke(page, at(-60, -20), at(60, 30)))
  assert.equal((await series('SEG')).length, 1)
  await send()
  await shot('real-archive-corrected')
  const second = (await series('SEG')).find(({ ID }) => ID !== stored.ID)
  const corrected = path.join(folder, 'corrected.dcm')
  writeFileSync(corrected, await archive.bytes(`instances/${second.Instances[0]}/file`))
  const drawn = await python('segmentation', corrected, slices)
  assert.ok(drawn.study && drawn.segments.spleen.length > (segments.spleen ?? []).length, 'the stroke is in the archive')
  await clean()
})

test('an archive that is gone is said to be gone, and what the page has stays', { skip }, async (t) => {
  const archive = await orthanc(t)
  if (!archive) return
  const env = { SEGSPEC_PACS_USER: archive.user, SEGSPEC_PACS_PASSWORD: archive.password }
  const { open } = await lab(t, { args: ['--pacs', archive.url], env })
  const { page, errors, clean } = await open('#/segment')
  const find = () => page.getByRole('button', { name: 'Find studies' }).click()
  await find()
  await page.getByText('No study fits.').waitFor()
  await archive.stop()
  await find()
  await page.locator('.archive .failure', { hasText: /the archive: .*refused/i }).waitFor({ timeout: 20_000 })
  assert.ok(await page.locator('.drop').isVisible())
  assert.ok(errors.every((error) => error.includes('502')), String(errors))
  errors.length = 0
  await clean()
})
