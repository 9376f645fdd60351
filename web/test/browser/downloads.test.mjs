// Files of labels that are being refined: they hold what is seen, or there are none.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { SHAPE } from '../../mock/volumes.mjs'
import { lab, skip } from './lab.mjs'

const CASE = '#/runs/f1/cases/case%2001?panes=axial&slice=z:3&refine'
const N = SHAPE[0] * SHAPE[1] * SHAPE[2]
const status = (page, text) => page.waitForFunction((part) => document.querySelector('.save')?.textContent.startsWith(part), text, { timeout: 15_000 })
const told = (page, text) => page.waitForFunction((part) => document.getElementById('messages')?.textContent.includes(part), text)

/** Paints at the crosshair, with a brush as large as `keys` says. */
async function dab(page, keys = '') {
  await page.evaluate(() => document.activeElement.blur())
  for (const key of keys) await page.keyboard.press(key)
  await page.keyboard.press('Space')
}

/** Number of voxels of the first structure in a file of labels. */
function size(file) {
  const bytes = gunzipSync(file)
  return Array.from({ length: N }, (_, i) => bytes.readUInt16LE(352 + 2 * i)).filter((value) => value === 1).length
}

const refused = (errors, code) => assert.equal(errors.splice(0).filter((text) => !text.includes(`status of ${code}`)).length, 0)

test('downloads: a file that is asked for at once has the last stroke, whichever way its link is followed', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(CASE)
  await page.getByLabel('Start from').selectOption('empty')
  await dab(page)
  await status(page, 'Saved')
  const link = page.locator('.refine a[data-format="nii.gz"]')
  await page.locator('.viewer header summary').click()
  const inHeader = page.locator('.viewer header a[data-format="nii.gz"][href*="of=correction"]')
  const sizes = []
  for (const follow of [
    () => link.click(),
    () => link.click({ button: 'middle' }),
    () => link.press('Enter'),
    () => inHeader.click(),
  ]) {
    await dab(page, 'llll')
    await status(page, 'Not saved yet')
    const [download] = await Promise.all([page.waitForEvent('download'), follow()])
    await status(page, 'Saved')
    sizes.push(size(readFileSync(await download.path())))
  }
  assert.ok(sizes.every((n, i) => n > (sizes[i - 1] ?? 1)), `each file has more than the one before: ${sizes}`)
  assert.ok(await inHeader.isVisible(), 'the list is still open')
  assert.equal(page.context().pages().length, 1)

  // Its menu is the browser's: saving begins when it opens, with the stroke that is under way, which is not saved by itself.
  const { x, y, width, height } = await page.locator('.surface canvas').boundingBox()
  await page.mouse.move(x + width / 2, y + height / 2 - 60)
  await page.mouse.down()
  await page.mouse.move(x + width / 2 + 80, y + height / 2 - 60, { steps: 4 })
  const saving = page.waitForRequest((request) => request.method() === 'PUT')
  await link.dispatchEvent('contextmenu')
  await saving
  await status(page, 'Saved')
  await page.mouse.up()
  await clean()
})

test('downloads: where the labels cannot be saved, no older ones are handed out', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors, clean } = await open(CASE)
  await dab(page)
  await status(page, 'Saved')
  server.state.failCorrections = true
  await dab(page, 'llll')
  let downloads = 0
  page.on('download', () => { downloads++ })
  await page.locator('.refine a[data-format="nii.gz"]').click()
  await told(page, 'Nothing was downloaded, because your latest changes are not saved: the disk is full; make room and save again')
  assert.equal(downloads, 0)
  server.state.failCorrections = false
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.refine a[data-format="nii.gz"]').click()])
  assert.match(download.url(), /of=correction/)
  refused(errors, 500)
  await clean()
})

test('downloads: what goes to the archive was saved first; after another change it can be sent again', { skip }, async (t) => {
  const { open, server } = await lab(t, { pacs: true })
  const headers = { authorization: `Bearer ${server.state.token}`, 'content-type': 'application/json' }
  const { id } = await (await fetch(`${server.url}/api/jobs`, { method: 'POST', headers, body: JSON.stringify({ run: 'f1', upload: '1', series: '0' }) })).json()
  const { page: waiting } = await open(`#/segment/${id}`)
  await waiting.getByText(/^Done in/).waitFor({ timeout: 20_000 })
  await waiting.context().close()
  const { page, errors, clean } = await open(`#/jobs/${id}?panes=axial&slice=z:3&refine`)
  await dab(page)
  await status(page, 'Saved')
  const send = page.getByRole('button', { name: 'Send to archive' })
  const sendNow = async () => {
    await send.click()
    await page.getByRole('dialog').getByRole('button', { name: 'Send', exact: true }).click()
  }
  const requests = () => server.state.requests.filter((request) => /^(PUT|POST) \/api\/jobs\/\w+\/(correction|pacs)/.test(request)).map((request) => request.split('/').pop())
  await dab(page, 'llll')
  await sendNow()
  await page.getByText('The archive has stored it.').waitFor()
  assert.deepEqual(requests(), ['correction', 'correction', 'pacs'])
  assert.deepEqual(server.state.sent, [`${id} correction`])
  assert.ok(await send.isDisabled())

  await dab(page, 'llll')
  await status(page, 'Saved')
  assert.ok(await send.isEnabled())
  assert.equal(await page.getByText('The archive has stored it.').count(), 0)
  server.state.failCorrections = true
  await dab(page, 'llll')
  await sendNow()
  await page.getByText('Nothing was sent, because your latest changes are not saved: the disk is full').waitFor()
  assert.deepEqual(server.state.sent, [`${id} correction`])
  assert.ok(await send.isEnabled())
  server.state.failCorrections = false
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await status(page, 'Saved')
  refused(errors, 500)
  await clean()
})
