import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODEL, rowPlace } from '../../build/vr/layout.js'
import { headset, hold, pose, towards, trigger } from './headset.mjs'
import { count, isOrange, lab, pixels, skip } from './lab.mjs'

test('VR: enter, grab and turn, scale with both hands, switch a structure off, slice through the model', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean, shot } = await open('#/vr?run=f1&case=case%2001', { script: headset() })
  const picture = async () => pixels(await page.locator('.surface').screenshot())
  assert.ok(count(await picture(), isOrange) > 1500, 'the flat page shows the liver')
  await page.getByRole('button', { name: 'Enter VR' }).click()
  await page.waitForTimeout(1500)
  await shot('vr-headset')
  assert.ok(count(await picture(), isOrange) > 300, 'the headset shows the liver')

  const start = await pose(page)
  await hold(page, 'right', [0.1, 1.1, -0.4])
  await page.waitForTimeout(300)
  await trigger(page, 'right', 1)
  await hold(page, 'right', [0.1, 1.3, -0.4], [0, Math.sin(Math.PI / 4), 0, Math.cos(Math.PI / 4)])
  await page.waitForTimeout(400)
  await trigger(page, 'right', 0)
  const turned = await pose(page)
  // A quarter turn about the hand at (0.1, ·, −0.4), and 0.2 m up.
  const [dx, dz] = [MODEL[0] - 0.1, MODEL[2] + 0.4]
  const expected = [0.1 + dz, MODEL[1] + 0.2, -0.4 - dx]
  expected.forEach((v, axis) => assert.ok(Math.abs(turned[axis] - v) < 0.02, `${turned.slice(0, 3)} is not ${expected}`))
  const dot = Math.abs([3, 4, 5, 6].reduce((sum, i) => sum + start[i] * turned[i], 0))
  assert.ok(Math.abs(dot - Math.cos(Math.PI / 4)) < 0.01, 'turned by 90 degrees')

  await hold(page, 'left', [-0.1, 1.2, -0.4])
  await hold(page, 'right', [0.1, 1.2, -0.4])
  await page.waitForTimeout(300)
  await trigger(page, 'left', 1)
  await trigger(page, 'right', 1)
  await hold(page, 'left', [-0.2, 1.2, -0.4])
  await hold(page, 'right', [0.2, 1.2, -0.4])
  await page.waitForTimeout(400)
  await trigger(page, 'left', 0)
  await trigger(page, 'right', 0)
  assert.ok(Math.abs((await pose(page))[7] - 2) < 0.05, `twice as large: ${await pose(page)}`)

  const press = async (row) => {
    const from = [0.2, 1.3, -0.2]
    await hold(page, 'right', from, towards(rowPlace(row).map((v, axis) => v - from[axis])))
    await page.waitForTimeout(300)
    await trigger(page, 'right', 1)
    await trigger(page, 'right', 0)
  }
  await press(0)
  assert.ok(!(await page.getByLabel('liver').isChecked()), 'the liver is switched off')
  await shot('vr-without-liver')
  await press(0)
  assert.ok(await page.getByLabel('liver').isChecked())
  await press(3)
  await page.waitForFunction(() => [...document.querySelectorAll('.choice input')].find((each) => each.value === 'axial').checked)
  await shot('vr-slice')
  await press(4)
  assert.deepEqual((await pose(page))[7], 1, 'back to the start')
  await clean()
})

test('VR: usable flat with mouse and keyboard; the slice lies where the image has it', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean, shot } = await open('#/vr?run=f1&case=case%2001')
  const picture = async () => page.locator('.surface').screenshot()
  const before = await picture()
  await page.keyboard.press('ArrowLeft')
  await page.waitForTimeout(300)
  const turned = await picture()
  assert.notEqual(Buffer.compare(before, turned), 0)
  const box = await page.locator('.surface canvas').boundingBox()
  await page.mouse.move(box.x + 200, box.y + 200)
  await page.mouse.down()
  await page.mouse.move(box.x + 300, box.y + 220, { steps: 4 })
  await page.mouse.up()
  await page.waitForTimeout(300)
  assert.notEqual(Buffer.compare(turned, await picture()), 0)
  for (const name of ['liver', 'left-kidney', 'spleen']) await page.getByLabel(name).uncheck()
  const dark = count(pixels(await picture()), (r) => r > 120)
  await page.getByLabel('Axial').check()
  await page.getByLabel('Position of the slice').waitFor()
  await page.waitForTimeout(300)
  assert.ok(count(pixels(await picture()), (r, g, b) => r > 60 && Math.abs(r - g) < 12 && Math.abs(g - b) < 12) > dark + 2000, 'the slice is drawn')
  await shot('vr-flat-slice')
  await clean()
})

test('VR: back to the start after turning; other labels are seen from where one is', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.corrections.set('f1/case 01', { case: 'case 01', who: 'x', when: '2026-01-01T00:00:00Z', run: 'f1', version: 'v', url: '/api/runs/f1/cases/case%2001/correction', changed: {} })
  const { page, clean } = await open('#/vr?run=f1&case=case%2001')
  const camera = () => page.locator('.surface').getAttribute('data-camera')
  const start = await camera()
  const box = await page.locator('.surface canvas').boundingBox()
  const turn = async () => {
    await page.mouse.move(box.x + 200, box.y + 200)
    await page.mouse.down()
    await page.mouse.move(box.x + 320, box.y + 240, { steps: 4 })
    await page.mouse.up()
    await page.mouse.wheel(0, 300)
    await page.waitForTimeout(200)
    assert.notEqual(await camera(), start)
  }
  for (const back of [() => page.getByRole('button', { name: 'Back to the start' }).click(), () => page.keyboard.press('0')]) {
    await turn()
    await back()
    assert.equal(await camera(), start)
  }
  await turn()
  await page.getByLabel('liver').uncheck()
  await page.getByLabel('Coronal').check()
  await page.getByLabel('Position of the slice').fill('7')
  const turned = await camera()
  for (const labels of ['Reference', 'Correction']) {
    await page.getByLabel(labels, { exact: true }).check()
    await page.waitForFunction((of) => location.hash.includes(`of=${of}`), labels.toLowerCase())
    assert.equal(await camera(), turned)
    assert.equal(await page.getByLabel('Position of the slice').inputValue(), '7')
    assert.ok(!(await page.getByLabel('liver').isChecked()))
  }
  assert.ok(server.state.requests.filter((each) => each.endsWith('/meshes')).length >= 3)
  await clean()
})
