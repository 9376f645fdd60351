import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lab, skip } from './lab.mjs'

const file = (name) => ({ name, mimeType: 'application/gzip', buffer: Buffer.from('mock') })

test('segment: upload, choice, progress, result in 2D, volumes and downloads', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean, shot } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  await page.getByLabel('Series').selectOption({ label: 'Abdomen 1.0, 24 slices, CT' })
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.locator('progress').waitFor()
  await page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  assert.match(await page.locator('.result tbody').textContent(), /liver\d+\.\d.*left-kidney/)
  assert.deepEqual(await page.locator('.result a[download]').allTextContents(), ['nii.gz', 'nrrd', 'seg.nrrd', 'dcm', 'stl', 'glb'])
  await shot('segment-result')
  await page.getByRole('link', { name: 'Look at the result' }).click()
  await page.locator('.surface canvas').waitFor()
  await page.getByLabel('Show liver').waitFor()
  assert.equal(await page.getByLabel('Reference', { exact: true }).count(), 0)
  await clean()
})

test('segment: what the server refuses is said; jobs can be cancelled; too much is not sent', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('broken.nii')])
  await page.locator('.failure', { hasText: 'broken.nii is not an image that segspec reads' }).waitFor()
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('Cancelled.').waitFor()
  await page.getByRole('button', { name: 'Segment something else' }).click()
  const sent = server.state.requests.filter((request) => request === 'POST /api/uploads').length
  await page.evaluate(() => {
    const data = new DataTransfer()
    data.items.add(new File([new Uint8Array(51_000_000)], 'large.nii'))
    document.querySelector('.drop').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
  })
  await page.locator('.failure', { hasText: 'the limit is 50.0 MB' }).waitFor()
  assert.equal(server.state.requests.filter((request) => request === 'POST /api/uploads').length, sent)
  await clean()
})

test('files: folders, a look at an image, segmenting a file', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open('#/files')
  await page.getByRole('link', { name: 'phantom/' }).click()
  await page.getByRole('button', { name: 'Segment: ct_01.nii.gz' }).click()
  await page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  await page.getByRole('link', { name: 'View: ct_01.nii.gz' }).click()
  await page.locator('.surface canvas').waitFor()
  assert.equal(await page.locator('.viewer h1').textContent(), 'phantom/ct_01.nii.gz')
  await page.waitForFunction(() => location.hash.includes('slice='))
  assert.match(page.url(), /#\/files\/view\?path=phantom%2Fct_01.nii.gz&slice=z:\d+/)
  await clean()
})
