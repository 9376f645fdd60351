// Files that are dropped, where they are meant and where they are not; errors of the page that the menu takes away.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELD, lab, skip } from './lab.mjs'

/** Drops a file on an element; says whether the browser would have opened it. */
const drop = (page, where, name = 'ct.nii.gz', bytes = 100) => page.evaluate(([selector, file, size]) => {
  const data = new DataTransfer()
  data.items.add(new File([new Uint8Array(size)], file))
  const send = (kind) => document.querySelector(selector).dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }))
  const overs = send('dragover')
  return { opened: overs || send('drop'), marked: document.querySelector('.drop.over') !== null }
}, [where, name, bytes])
const sent = (server) => server.state.requests.filter((request) => request === 'POST /api/uploads').length

test('drops: the whole page takes files, and no page lets the browser open them', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open('#/segment')
  const before = await page.url()
  assert.deepEqual(await drop(page, 'h1'), { opened: false, marked: false })
  await page.getByText('Choose what to segment').waitFor()
  assert.equal(sent(server), 1)
  // At this step nobody sees whether the images are made anonymous.
  assert.equal((await drop(page, 'footer')).opened, false)
  await page.getByText('Press “Segment something else” or “Cancel” first').waitFor()
  assert.equal(sent(server), 1)
  await page.getByRole('button', { name: 'Segment something else' }).click()
  await page.getByLabel('Remove what identifies the patient').check()
  await drop(page, 'footer')
  await page.getByText('Choose what to segment').waitFor()
  const { uploads } = await (await fetch(`${server.url}/api/uploads`, { headers: { authorization: `Bearer ${server.state.token}` } })).json()
  assert.deepEqual(uploads.map(({ anonymous }) => anonymous), [true, false])
  for (const hash of ['#/runs', '#/files', '#/runs/f1/cases/case%2001?panes=axial']) {
    await page.goto(before.replace(/#.*/, hash))
    await page.waitForFunction(() => document.body.dataset.ready)
    assert.equal((await drop(page, 'main')).opened, false, hash)
  }
  assert.equal(sent(server), 2)
  await clean()
})

test('drops: files above the page mark the box; what is no file is the browser’s', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open('#/segment')
  const over = (kind) => page.evaluate((text) => {
    const data = new DataTransfer()
    if (text) data.setData('text/plain', 'words')
    else data.items.add(new File(['x'], 'ct.nii'))
    const isLeft = document.querySelector('footer').dispatchEvent(new DragEvent('dragover', { dataTransfer: data, bubbles: true, cancelable: true }))
    return [isLeft, document.querySelector('.drop').classList.contains('over')]
  }, kind === 'text')
  assert.deepEqual(await over('text'), [true, false])
  assert.deepEqual(await over('file'), [false, true])
  await page.evaluate(() => document.dispatchEvent(new DragEvent('dragleave', { bubbles: true })))
  assert.equal(await page.locator('.drop.over').count(), 0)
  await clean()
})

test('drops: an error goes when the page is chosen in the menu once more, and what was ticked stays until then', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open('#/segment')
  const anonymous = page.getByLabel('Remove what identifies the patient')
  await anonymous.check()
  await drop(page, '.drop', 'large.nii', 51_000_000)
  await page.locator('.failure', { hasText: 'the limit is 50.0 MB' }).waitFor()
  assert.ok(await anonymous.isChecked(), 'an error does not make the next images known')
  await page.getByRole('link', { name: 'Segment', exact: true }).click()
  await page.locator('.failure').waitFor({ state: 'detached' })
  assert.ok(await page.locator('.drop').isVisible())
  // What is on its way is not given up.
  server.state.readMs = HELD
  await drop(page, 'h1')
  await page.getByText('The images are being read').waitFor()
  await page.getByRole('link', { name: 'Segment', exact: true }).click()
  await page.locator('.drop').waitFor()
  server.state.readMs = 0
  await page.goBack()
  await page.getByText('Choose what to segment').waitFor()
  await page.getByRole('link', { name: 'Runs', exact: true }).click()
  const runs = () => server.state.requests.filter((request) => request === 'GET /api/runs').length
  await page.getByRole('link', { name: 'seed 1, fold 0' }).waitFor()
  const asked = runs()
  await page.getByRole('link', { name: 'Runs', exact: true }).click()
  await page.getByRole('link', { name: 'seed 1, fold 0' }).waitFor()
  assert.ok(runs() > asked, 'the page is shown anew')
  await clean()
})
