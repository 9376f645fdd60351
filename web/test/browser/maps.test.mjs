// Probability maps: their colours, their values, and links to them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { count, isMagenta, isOrange, lab, pixels, ready, skip } from './lab.mjs'

const CASE = '#/runs/f1/cases/case%2001'
const canvas = async (page) => pixels(await page.locator('.surface').screenshot())
const said = (page, text) => page.waitForFunction((part) => document.getElementById('messages')?.textContent.includes(part), text)

/** Goes to a place by the slices of the file; gives the probability there and how far the colour is from grey. */
async function look(page, [x, y, z]) {
  for (const [name, value] of [['Sagittal slice (x)', x], ['Coronal slice (y)', y], ['Axial slice (z)', z]]) {
    await page.getByLabel(name).fill(String(value))
    await page.getByLabel(name).press('Enter')
  }
  await page.waitForTimeout(400)
  const value = Number((await page.locator('.value').textContent()).match(/probability of liver (\d\.\d\d)$/)[1])
  const box = await page.locator('.surface canvas').boundingBox()
  // Beside the crosshair, which is drawn over it.
  const { data, width, channels } = pixels(await page.screenshot({ clip: { x: box.x + box.width / 2 - 200, y: box.y + box.height / 2 - 200, width: 400, height: 400 } }))
  let most = 0
  for (let i = 0; i < width * 400; i++) {
    const [r, g, b] = [0, 1, 2].map((at) => data[i * channels + at])
    if (b > g) most = Math.max(most, Math.min(r, b) - g)
  }
  return { value, most }
}

test('maps: nothing is drawn at 0, opacity grows with the value, and labels are outlines that long', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean, shot } = await open(`${CASE}?panes=axial&slice=z:12`)
  await page.waitForTimeout(300)
  const filled = count(await canvas(page), isOrange)
  assert.ok(await page.locator('.probability').isHidden())
  await page.getByLabel('Probability map').selectOption('liver')
  await page.locator('.probability').waitFor()
  await page.waitForTimeout(500)
  const shown = await canvas(page)
  await shot('viewer-map')
  assert.ok(count(shown, isMagenta) > 2000, 'high values are seen')
  assert.ok(count(shown, isOrange) < filled / 5, 'labels are outlines')
  assert.ok(await page.getByLabel('Opacity').isDisabled(), 'there is no fill whose opacity could be changed')
  const [left, , right] = await page.locator('.probability p').first().locator('*').allTextContents()
  assert.deepEqual([left, right], ['0', '1'])
  // The slice through the middle has high values, one far from it low ones, and the last one none.
  const high = await look(page, [12, 18, 12])
  const low = await look(page, [12, 18, 19])
  const none = await look(page, [38, 34, 23])
  assert.ok(high.value > 0.8 && low.value > 0.1 && low.value < 0.4 && none.value === 0, JSON.stringify([high, low, none]))
  assert.ok(high.most > 2 * low.most && low.most > 10, JSON.stringify([high, low, none]))
  await page.getByLabel('Probability map').selectOption('')
  await page.waitForTimeout(400)
  assert.ok(await page.locator('.probability').isHidden())
  assert.ok(await page.getByLabel('Opacity').isEnabled())
  assert.doesNotMatch(await page.locator('.value').textContent(), /probability/)
  await clean()
})

test('maps: a link keeps the map; one that is not there is said, and the rest is shown', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?panes=axial`)
  await page.getByLabel('Probability map').selectOption('liver')
  await page.waitForFunction(() => location.hash.includes('map=liver'))
  await page.reload()
  await ready(page)
  const list = page.getByLabel('Probability map')
  assert.equal(await list.locator('option:checked').textContent(), 'liver')
  assert.ok(await page.locator('.probability').isVisible())
  await page.waitForTimeout(400)
  assert.ok(count(await canvas(page), isMagenta) > 500)
  await list.selectOption('')
  await page.waitForFunction(() => !location.hash.includes('map='))
  await page.goto(page.url().replace(/#.*/, `${CASE}?map=kidney&panes=axial`))
  await said(page, 'There is no probability map of kidney here.')
  assert.equal(await list.locator('option:checked').textContent(), 'none')
  await clean()
})

test('maps: one that cannot be had is said, and none is chosen; a later one takes the message away', { skip }, async (t) => {
  const { open } = await lab(t)
  let isDown = true
  const routes = (page) => page.route('**/probability*', (route) => (isDown ? route.abort() : route.continue()))
  const { page, errors, clean } = await open(`${CASE}?panes=axial`, { routes })
  const list = page.getByLabel('Probability map')
  await list.selectOption('liver')
  await said(page, 'The server does not answer.')
  assert.equal(await list.locator('option:checked').textContent(), 'none')
  isDown = false
  await list.selectOption('liver')
  await page.locator('.probability').waitFor()
  await page.waitForFunction(() => document.querySelectorAll('#messages .error').length === 0, null, { timeout: 4000 })
  assert.equal(errors.splice(0).filter((text) => !/ERR_FAILED/.test(text)).length, 0)
  await clean()
})
