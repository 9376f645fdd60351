// Fingers on the slices, as whoever draws with them expects it: one draws; two move and zoom, and what the first drew by accident before the
// second came is undone; a second finger never ends a stroke that was meant, nor leads it elsewhere.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { SHAPE, voxels } from '../../mock/volumes.mjs'
import { lab, skip, until } from './lab.mjs'

const CASE = '#/runs/f1/cases/case%2001?panes=axial&slice=z:3'
const PHONE = { width: 390, height: 844, hasTouch: true, isMobile: true }

/** Fingers of a page: places are pixels from the middle of the slice. */
async function fingers(page) {
  const box = await page.locator('.surface canvas').first().boundingBox()
  const session = await page.context().newCDPSession(page)
  const down = new Map()
  const tell = (type, points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: [...points].map(([id, [dx, dy]]) => ({ id, x: box.x + box.width / 2 + dx, y: box.y + box.height / 2 + dy })) })
  return {
    put: (id, ...at) => tell('touchStart', down.set(id, at)),
    move: (id, ...at) => tell('touchMove', down.set(id, at)),
    /** Of a touch that ends, Chromium wants the fingers that are lifted. */
    lift: (id) => {
      const at = down.get(id)
      down.delete(id)
      return tell('touchEnd', [[id, at]])
    },
  }
}

/** Draws with a finger from one place to another, in steps. */
async function drag(hand, id, [x1, y1], [x2, y2]) {
  for (let i = 1; i <= 6; i++) await hand.move(id, x1 + ((x2 - x1) * i) / 6, y1 + ((y2 - y1) * i) / 6)
}

const isSaved = (page) => page.waitForFunction(() => document.querySelector('.save')?.textContent.startsWith('Saved'), null, { timeout: 15_000 })
const canUndo = (page) => page.getByRole('button', { name: 'Undo' }).isEnabled()

/** Columns and rows of the file in which slice 3 is not as predicted. */
function changed(server) {
  const bytes = gunzipSync(server.state.corrections.get('f1/case 01').file)
  const predicted = voxels('straight', 'prediction')
  const plane = SHAPE[0] * SHAPE[1]
  const found = predicted.reduce((all, value, i) => (bytes.readUInt16LE(352 + 2 * i) === value ? all : [...all, i]), [])
  assert.ok(found.every((i) => Math.floor(i / plane) === 3), 'only the slice is changed')
  return found.map((i) => [i % SHAPE[0], Math.floor((i % plane) / SHAPE[0])])
}

/** World position of the voxel at the crosshair, after a tap at a place. */
async function tapped(page, hand, ...at) {
  await hand.put(9, ...at)
  await page.waitForTimeout(80)
  await hand.lift(9)
  await page.waitForTimeout(700)
  return (await page.locator('.world').textContent()).match(/-?[\d.]+/g).slice(0, 3).map(Number)
}

test('touch: a second finger neither ends a stroke nor leads it elsewhere', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open(`${CASE}&refine`, PHONE)
  const hand = await fingers(page)
  await hand.put(0, -90, -110)
  await drag(hand, 0, [-90, -110], [0, -110])
  await page.waitForTimeout(400)
  // The heel of the hand comes down, moves, and goes.
  await hand.put(1, 60, 120)
  await hand.move(1, 80, 140)
  await drag(hand, 0, [0, -110], [40, -110])
  await hand.lift(1)
  await drag(hand, 0, [40, -110], [90, -110])
  await hand.lift(0)
  await isSaved(page)
  const found = changed(server)
  const [columns, rows] = [0, 1].map((axis) => [...new Set(found.map((at) => at[axis]))].sort((a, b) => a - b))
  assert.ok(columns.length > 12 && columns.at(-1) - columns[0] + 1 === columns.length, `one stroke without a gap: ${columns}`)
  assert.ok(rows.length < 6, `it is as wide as the brush: ${rows}`)
  await page.getByRole('button', { name: 'Undo' }).click()
  assert.equal(await canUndo(page), false, 'it is one step')
  await clean()
})

test('touch: two fingers move and zoom the slice; what the first one drew is undone, and the one that stays draws nothing', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean, shot } = await open(`${CASE}&refine`, PHONE)
  const hand = await fingers(page)
  for (const hold of [0, 600]) {
    await hand.put(0, -40, 20)
    await page.waitForTimeout(hold)
    await hand.put(1, 40, 20)
    for (let i = 1; i <= 5; i++) {
      await hand.move(0, -40 - 8 * i, 20)
      await hand.move(1, 40 + 8 * i, 20)
    }
    await hand.lift(1)
    await drag(hand, 0, [-80, 20], [60, 100])
    await hand.lift(0)
  }
  await page.waitForTimeout(2000)
  assert.equal(await canUndo(page), false, 'nothing was drawn')
  assert.equal(server.state.corrections.size, 0, 'nothing was saved')
  await shot('touch-zoomed')
  // Afterwards, one finger draws again.
  await hand.put(0, -60, -60)
  await drag(hand, 0, [-60, -60], [60, -60])
  await hand.lift(0)
  await isSaved(page)
  assert.ok(changed(server).length > 3)
  await clean()
})

test('touch: what is saved while a finger rests is without its stroke, or is saved again when that is undone', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open(`${CASE}&refine`, PHONE)
  const hand = await fingers(page)
  const puts = () => server.state.requests.filter((request) => request.startsWith('PUT ')).length
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Space')
  await hand.put(0, -90, -110)
  await page.waitForTimeout(2500)
  assert.equal(puts(), 0, 'nothing is saved by itself meanwhile')
  await page.getByRole('button', { name: 'Save', exact: true }).evaluate((button) => button.click())
  await until(() => server.state.corrections.size > 0, 'it is saved')
  const whole = changed(server).length
  await hand.put(1, 60, 60)
  await hand.lift(1)
  await hand.lift(0)
  await until(() => puts() > 1, 'it is saved again')
  await isSaved(page)
  const rest = changed(server)
  assert.ok(rest.length > 3 && rest.length < whole, `${rest.length} of ${whole} voxels`)
  await page.getByRole('button', { name: 'Undo' }).click()
  assert.equal(await canUndo(page), false, 'the stroke of the finger is no step')
  await clean()
})

for (const [pane, mirrored] of [['axial', false], ['axial', true], ['coronal', false], ['sagittal', false]]) {
  test(`touch: what lay between two fingers stays between them, also where nothing is drawn: ${pane}${mirrored ? ', left on the left' : ''}`, { skip }, async (t) => {
    const { open } = await lab(t)
    const { page, clean } = await open(`#/runs/f1/cases/case%2001?panes=${pane}`, PHONE)
    if (mirrored) await page.getByLabel('Patient\'s left on the left').check()
    await page.evaluate(() => scrollTo(0, 0))
    const hand = await fingers(page)
    const held = await tapped(page, hand, -30, 40)
    const right = await tapped(page, hand, 30, 40)
    const grey = await page.getByLabel('Level').inputValue()
    // Longer than NiiVue waits before it takes a finger for a long press.
    await hand.put(0, -60, 40)
    await hand.put(1, 0, 40)
    await page.waitForTimeout(1200)
    for (let i = 1; i <= 6; i++) {
      await hand.move(0, -60 + 5 * i, 40 - 10 * i)
      await hand.move(1, 15 * i, 40 - 10 * i)
    }
    await hand.lift(0)
    await hand.lift(1)
    assert.equal(await page.getByLabel('Level').inputValue(), grey, 'the window is the same')
    // From 60 pixels apart to 120: twice as large. The middle went from (−30, 40) to (30, −20).
    const moved = await tapped(page, hand, 30, -20)
    const aside = await tapped(page, hand, 30 + 120, -20)
    for (const [now, before] of [[moved, held], [aside, right]]) assert.ok(now.every((v, axis) => Math.abs(v - before[axis]) <= (axis < 2 ? 3.1 : 4.1)), `${now} is where ${before} was`)
    await clean()
  })
}

test('touch: a filling or a click is one finger’s; a distance is drawn by the finger that began it', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open(`${CASE}&refine`, PHONE)
  const hand = await fingers(page)
  const pinch = async () => {
    await hand.put(0, -40, 20)
    await hand.put(1, 40, 20)
    await hand.lift(1)
    await hand.lift(0)
  }
  for (const tool of ['Fill', 'Click']) {
    await page.getByLabel(tool, { exact: true }).check()
    await page.evaluate(() => scrollTo(0, 0))
    await pinch()
  }
  await page.waitForTimeout(400)
  assert.equal(await canUndo(page), false)
  assert.equal(server.state.clicked.length, 0)
  await page.locator('body').press('m')
  await pinch()
  assert.equal(await page.locator('.ruler line').count(), 0)
  await hand.put(0, -60, 0)
  await drag(hand, 0, [-60, 0], [0, 0])
  await page.waitForTimeout(400)
  await hand.put(1, 60, 100)
  await hand.move(1, 70, 120)
  await hand.lift(1)
  await drag(hand, 0, [0, 0], [60, 0])
  await hand.lift(0)
  const line = await page.locator('.ruler line').evaluate((each) => ['x1', 'y1', 'x2', 'y2'].map((key) => Number(each.getAttribute(key))))
  assert.ok(Math.abs(line[2] - line[0] - 120) < 3 && Math.abs(line[3] - line[1]) < 3, `${line}`)
  await clean()
})
