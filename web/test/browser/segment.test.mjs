import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lab, skip } from './lab.mjs'

const file = (name) => ({ name, mimeType: 'application/gzip', buffer: Buffer.from('mock') })

test('segment: upload, choice, progress, result in 2D, volumes and downloads', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean, shot } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  await page.getByLabel('Series').selectOption({ label: 'Abdomen 1.0, 24 slices, CT, patient P2, series 3, P2/ct' })
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.locator('progress').waitFor()
  await page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  assert.match(await page.locator('.result tbody').textContent(), /liver\d+\.\d.*left-kidney/)
  assert.deepEqual(await page.locator('.result a[download]').allTextContents(), ['NIfTI', 'NRRD', 'NRRD with names (3D Slicer)', 'DICOM SEG', 'STL', 'GLB'])
  assert.match(await page.locator('.result').textContent(), /Abdomen 1\.0 \(patient P2, P2\/ct\), segmented with abdomen: seed 1, fold 0/)
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.result a[data-format=nrrd]').click()])
  assert.equal(download.suggestedFilename(), 'P2-Abdomen_1.0-segmentation.nrrd', 'named after the image')
  await shot('segment-result')
  await page.getByRole('link', { name: 'Look at the result' }).click()
  await page.locator('.surface canvas').waitFor()
  await page.getByLabel('Show liver').waitFor()
  assert.equal(await page.getByLabel('Reference', { exact: true }).count(), 0)
  await page.getByText('Downloads', { exact: true }).click()
  assert.ok(await page.getByRole('link', { name: 'DICOM SEG' }).isVisible(), 'the viewer has the files, too')
  await page.getByRole('link', { name: 'Back' }).click()
  await page.getByText(/^Done in/).waitFor()
  await clean()
})

test('segment: what the server refuses is said; jobs can be cancelled; too much is not sent', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('broken.nii')])
  await page.locator('.failure', { hasText: 'broken.nii is not an image that segspec reads' }).waitFor()
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
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
  assert.match(page.url(), /#\/segment\/\w+$/)
  await page.goBack()
  await page.getByRole('link', { name: 'View: ct_01.nii.gz' }).click()
  await page.locator('.surface canvas').waitFor()
  assert.equal(await page.locator('.viewer h1').textContent(), 'phantom/ct_01.nii.gz')
  await page.waitForFunction(() => location.hash.includes('slice='))
  assert.match(page.url(), /#\/files\/view\?path=phantom%2Fct_01.nii.gz&slice=z:\d+/)
  await page.getByRole('link', { name: 'Back' }).click()
  await page.getByRole('link', { name: 'View: ct_01.nii.gz' }).waitFor()
  await page.getByRole('link', { name: 'Data folders' }).click()
  await page.getByRole('link', { name: 'phantom/' }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Data folders' }).count(), 0, 'the root does not lead to itself')
  await clean()
})

test('segment: the best network comes first, the last choice is remembered, labels are told from images', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.runs.get('n6').dice = 0.918
  const { page, clean, shot } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  const network = page.getByLabel('Network')
  await network.waitFor()
  assert.deepEqual(await network.locator('option').allTextContents(), [
    'hippocampus: nnU-Net, fold 0 – Dice 0.918 – liver, left-kidney, spleen', 'abdomen: seed 1, fold 0 – Dice 0.847 – liver, left-kidney, spleen',
  ])
  assert.equal(await network.inputValue(), 'n6')
  assert.equal(await page.locator('.warning').isVisible(), false)
  await page.setViewportSize({ width: 390, height: 800 })
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than a phone')
  await shot('segment-choice-phone')
  await network.selectOption('f1')
  await page.reload()
  await page.getByRole('button', { name: 'Segment something else' }).click()
  await page.setInputFiles('[data-files]', [file('label_01.nii.gz')])
  assert.equal(await network.inputValue(), 'f1')
  await page.locator('.warning', { hasText: 'Abdomen 1.0 looks like a label map' }).waitFor()
  await clean()
})

test('segment: jobs are listed with image, network and time, kept up to date, and followed again', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.stepMs = 600
  const first = await open('#/segment')
  const headers = { authorization: `Bearer ${server.state.token}`, 'content-type': 'application/json' }
  const start = async (body) => (await (await fetch(`${server.url}/api/jobs`, { method: 'POST', headers, body: JSON.stringify({ run: 'f1', ...body }) })).json()).id
  const id = await start({ upload: '1', series: '2' })
  const row = first.page.locator(`[data-job="${id}"]`)
  await row.waitFor()
  assert.match(await row.textContent(), /Abdomen 1\.0 \(patient P2, P2\/ct\).*abdomen: seed 1, fold 0.*20\d\d/)
  await row.getByRole('link').click()
  await first.page.locator('progress.wide').waitFor()
  await first.page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  await first.page.reload()
  await first.page.getByText(/^Done in/).waitFor()
  assert.ok(await first.page.locator('.result tbody td').first().isVisible(), 'volumes are there after a reload')
  const maps = await start({ case: 'case 01', probabilities: true })
  await first.page.locator(`[data-job="${maps}"]`, { hasText: 'Probability maps of case 01' }).waitFor()
  await first.page.setViewportSize({ width: 390, height: 800 })
  await first.shot('segment-jobs-phone')
  await fetch(`${server.url}/api/jobs/${maps}`, { method: 'DELETE', headers })
  await first.page.locator(`[data-job="${maps}"]`).waitFor({ state: 'detached' })
  await first.clean()
})

test('segment: without a spacing, a volume is not said to be 0', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.noSpacing = true
  const { page, clean } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  assert.deepEqual(await page.locator('.result tbody tr').allTextContents(), ['liver–', 'left-kidney–', 'spleen–'])
  await clean()
})

test('segment: a double click makes one job, here and in the list of files', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.stepMs = 600
  const { page, clean } = await open('#/segment')
  const made = () => server.state.requests.filter((request) => request === 'POST /api/jobs').length
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  // Both clicks come before the answer to the first.
  const twice = (button) => button.evaluate((element) => { element.click(); element.click() })
  await twice(page.getByRole('button', { name: 'Segment', exact: true }))
  await page.locator('progress.wide').waitFor()
  assert.equal(made(), 1)
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByText('Cancelled.').waitFor()
  await page.evaluate(() => { location.hash = '#/files?path=phantom' })
  await twice(page.getByRole('button', { name: 'Segment: ct_01.nii.gz' }))
  await page.locator('progress.wide').waitFor()
  assert.equal(made(), 2)
  await clean()
})

test('segment: whoever follows a job that is deleted elsewhere is told so, and nothing is asked any more', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.stepMs = 600
  const { page, errors, clean } = await open('#/segment')
  await page.setInputFiles('[data-files]', [file('ct.nii.gz')])
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.locator('progress.wide').waitFor()
  const id = page.url().split('/').pop()
  await fetch(`${server.url}/api/jobs/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${server.state.token}` } })
  await page.locator('.failure', { hasText: 'does not have this job any more' }).waitFor()
  assert.equal(await page.locator('progress.wide').count(), 0)
  const asked = () => server.state.requests.filter((request) => request === `GET /api/jobs/${id}/events`).length
  const before = asked()
  await page.waitForTimeout(1500)
  assert.equal(asked(), before)
  await page.getByRole('button', { name: 'Segment something else' }).click()
  await page.locator('.drop').waitFor()
  assert.equal(errors.splice(0).filter((text) => !/status of 404/.test(text)).length, 0)
  await clean()
})
