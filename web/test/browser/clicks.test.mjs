import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { matrixOf, SHAPE, voxels } from '../../mock/volumes.mjs'
import { faint } from './contrast.mjs'
import { HELD, lab, skip, until } from './lab.mjs'

const world = (m, [x, y, z]) => [0, 4, 8].map((r) => m[r] * x + m[r + 1] * y + m[r + 2] * z + m[r + 3])
/** World position of a voxel by its position in the array. */
const place = (kind, i) => world(matrixOf(kind), [i % SHAPE[0], Math.floor(i / SHAPE[0]) % SHAPE[1], Math.floor(i / SHAPE[0] / SHAPE[1])])
const gap = (a, b) => Math.hypot(...a.map((v, axis) => v - b[axis]))
const path = '#/runs/f1/cases/case%2001'

/** The voxel at the crosshair, as the panel says. */
const readout = (page) => page.evaluate(() => {
  const fields = [...document.querySelectorAll('.panel .field')]
  return ['x', 'y', 'z'].map((axis) => fields.find((each) => each.textContent.includes(`slice (${axis})`)).querySelector('input').valueAsNumber)
})

const made = (page, n) => page.waitForFunction((text) => document.querySelector('.clicks')?.textContent === text, n === 0 ? 'No clicks yet' : n === 1 ? '1 click' : `${n} clicks`)
const isSaved = (page) => page.waitForFunction(() => document.querySelector('.save')?.textContent.startsWith('Saved'), null, { timeout: 15_000 })
const marks = (page) => page.locator('.mark').evaluateAll((all) => all.map((each) => {
  const box = each.getBoundingClientRect()
  return { text: each.textContent, x: box.x + box.width / 2, y: box.y + box.height / 2, color: each.style.borderColor }
}))

function saved(server, key) {
  const bytes = gunzipSync(server.state.corrections.get(key).file)
  return Array.from({ length: SHAPE[0] * SHAPE[1] * SHAPE[2] }, (_, i) => bytes.readUInt16LE(352 + 2 * i))
}

/** The labels are the prediction with balls as the mock server draws them; at their very surface, rounding decides. */
function checkBalls(data, kind, clicks) {
  let inside = 0
  voxels(kind, 'prediction').forEach((predicted, i) => {
    const own = place(kind, i)
    const far = clicks.map(({ mm }) => gap(own, mm))
    if (far.some((d) => Math.abs(d - 12) < 0.01)) return
    const last = far.findLastIndex((d) => d < 12)
    if (last >= 0) inside++
    assert.equal(data[i], last >= 0 ? clicks[last].value : predicted, `voxel ${i} at ${own}`)
  })
  assert.ok(inside > 50)
}

for (const [name, kind, pane] of [['case 01', 'straight', 'axial'], ['case 02', 'oblique', 'coronal'], ['case 02', 'oblique', 'sagittal']]) {
  test(`clicks: in the ${pane} pane of a ${kind} image they are sent with their place; each is one step back; the result is saved`, { skip }, async (t) => {
    const { open, server } = await lab(t)
    const { page, clean } = await open(`#/runs/f1/cases/${encodeURIComponent(name)}?panes=${pane}`)
    const box = await page.locator('.surface canvas').boundingBox()
    const spots = [[-70, 30], [50, -40]].map(([dx, dy]) => [box.x + box.width / 2 + dx, box.y + box.height / 2 + dy])
    const places = []
    for (const spot of spots) {
      await page.mouse.click(...spot)
      await page.waitForTimeout(120)
      places.push(world(matrixOf(kind), await readout(page)))
    }
    await page.keyboard.press('r')
    await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'spleen' })
    await page.evaluate(() => document.activeElement.blur())
    await page.keyboard.press('c')
    assert.ok(await page.getByLabel('Click', { exact: true }).isChecked())
    assert.ok(await page.locator('.ring').isHidden(), 'a click has no brush')
    await page.mouse.click(...spots[0])
    await page.waitForSelector('.surface.waiting .mark.waiting')
    await made(page, 1)
    await page.keyboard.down('Alt')
    await page.mouse.click(...spots[1])
    await page.keyboard.up('Alt')
    await made(page, 2)
    const [first, second] = server.state.clicked
    assert.deepEqual(second[0], first[0], 'earlier clicks go along')
    const [one, two] = second
    assert.deepEqual([one.structure, one.positive, two.structure, two.positive], ['spleen', true, 'spleen', false])
    for (const [click, mm] of [[one, places[0]], [two, places[1]]]) assert.ok(gap(click['at-mm'], mm) < 0.01, `${click['at-mm']} is ${mm}`)
    await isSaved(page)
    const balls = [{ value: 300, mm: places[0] }, { value: 0, mm: places[1] }]
    checkBalls(saved(server, `f1/${name}`), kind, balls)
    const shown = await marks(page)
    assert.deepEqual(shown.map(({ text }) => text), ['+', '−'])
    // A voxel is some 20 pixels wide, and the mark is in its middle.
    shown.forEach((mark, i) => assert.ok(gap([mark.x, mark.y], spots[i]) < 16, `mark at ${mark.x}, ${mark.y}; click at ${spots[i]}`))

    await page.keyboard.press('Control+z')
    await made(page, 1)
    assert.equal((await marks(page)).length, 1)
    await page.waitForTimeout(1800)
    await isSaved(page)
    checkBalls(saved(server, `f1/${name}`), kind, balls.slice(0, 1))
    // What was undone is not told to the network.
    await page.keyboard.press('Control+z')
    await page.keyboard.press('Control+y')
    await made(page, 1)
    await page.mouse.click(...spots[1])
    await made(page, 2)
    assert.deepEqual(server.state.clicked.at(-1).map(({ positive }) => positive), [true, true])
    // Another slice shows no marks of this one.
    await page.keyboard.press('.')
    await page.waitForFunction(() => document.querySelectorAll('.mark').length === 0)
    await page.keyboard.press(',')
    await page.waitForFunction(() => document.querySelectorAll('.mark').length === 2)
    // Another start is a start without clicks.
    await page.getByLabel('Start from').selectOption('empty')
    await page.getByRole('button', { name: 'Replace what is drawn' }).click()
    await made(page, 0)
    await page.getByRole('button', { name: 'Undo' }).click()
    await made(page, 2)
    await page.keyboard.press('r')
    await page.waitForFunction(() => document.querySelectorAll('.mark, .marks').length === 0)
    await until(() => server.state.sessions.size === 0, 'the session is closed')
    await clean()
  })
}

test('clicks: waiting, refusals, an ended session, a structure that the network does not know; by keyboard', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean, errors, shot } = await open(`${path}?slice=z:12&refine`)
  const said = (text) => page.waitForFunction((part) => document.getElementById('messages')?.textContent.includes(part), text)
  await page.getByLabel('Click', { exact: true }).check()
  await page.evaluate(() => document.activeElement.blur())
  await until(() => server.state.sessions.size === 1, 'the session is opened with the tool, before the first click')
  server.state.clickMs = HELD
  await page.keyboard.press('Space')
  await page.waitForFunction(() => document.querySelector('.clicks').textContent === 'The network is at work …')
  await page.keyboard.press('Space')
  await said('still at work')
  // What is drawn meanwhile stays.
  const canvas = await page.locator('.surface canvas').boundingBox()
  await page.keyboard.press('b')
  await page.mouse.click(canvas.x + canvas.width * 0.3, canvas.y + canvas.height * 0.12)
  await page.keyboard.press('c')
  server.state.clickMs = 50
  await made(page, 1)
  assert.equal(server.state.clicked.length, 1)
  const [click] = server.state.clicked[0]
  assert.equal(click.structure, 'liver')
  await isSaved(page)
  const predicted = voxels('straight', 'prediction')
  const drawn = saved(server, 'f1/case 01').filter((value, i) => value === 1 && predicted[i] === 0 && gap(place('straight', i), click['at-mm']) > 13)
  assert.ok(drawn.length > 3, `${drawn.length} voxels of the stroke are there`)
  await shot('clicks')
  await page.keyboard.press('x')
  assert.ok(await page.getByLabel('Background is here').isChecked())
  await page.keyboard.press('Space')
  await made(page, 2)
  assert.equal(server.state.clicked[1][1].positive, false)
  await page.getByLabel('Background is here').uncheck()

  server.state.clickError = 'the click at [1, 2, 3] mm is outside the part of the image that the network sees'
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Space')
  await said('outside the part')
  await made(page, 2)
  server.state.clickError = null
  server.state.sessions.clear()
  await page.keyboard.press('Space')
  await made(page, 3)
  assert.equal(server.state.requests.filter((each) => each === 'POST /api/clicks').length, 2, 'the session was opened anew')

  await page.getByText('New structure').click()
  await page.getByLabel('Name of the new structure').fill('tumour')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.evaluate(() => document.activeElement.blur())
  const before = server.state.clicked.length
  await page.keyboard.press('Space')
  await said('does not know this structure')
  assert.equal(server.state.clicked.length, before)
  await page.keyboard.press('h')
  await page.waitForFunction(() => document.querySelector('dialog').textContent.includes('clicks say that background is there'))
  await page.keyboard.press('Escape')
  // The failed requests are the server's refusals.
  assert.deepEqual(errors.splice(0).filter((text) => !/status of 40[04]/.test(text)), [])
  await clean()
})

test('clicks: a drag is none; on a phone by finger; light and dark; not where the network takes none', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.runs.get('n6').state = 'finished'
  const plain = await open('#/runs/n6/cases/case%2001?refine')
  await plain.page.getByLabel('Brush', { exact: true }).waitFor()
  assert.equal(await plain.page.getByLabel('Click', { exact: true }).count(), 0)
  await plain.page.keyboard.press('c')
  await plain.clean()

  const { page, clean, shot } = await open(`${path}?panes=axial&refine`, { width: 390, height: 800, hasTouch: true, isMobile: true })
  await page.getByLabel('Click', { exact: true }).check()
  await page.getByLabel('Background is here').check()
  await page.evaluate(() => scrollTo(0, 0))
  const box = await page.locator('.surface canvas').boundingBox()
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x + 60, y + 20, { steps: 4 })
  await page.mouse.up()
  await page.touchscreen.tap(x, y)
  await made(page, 1)
  assert.deepEqual(server.state.clicked.map((all) => all.map(({ positive }) => positive)), [[false]], 'the drag was no click')
  await shot('clicks-phone')
  const [scroll, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(scroll <= width, `${scroll} px in a window of ${width} px`)
  await clean()

  for (const dark of [false, true]) {
    const { page: other, clean: end, shot: picture } = await open(`${path}?refine`, { dark })
    await other.getByLabel('Click', { exact: true }).check()
    await other.evaluate(() => document.activeElement.blur())
    await other.keyboard.press('Space')
    await made(other, 1)
    assert.deepEqual(await other.evaluate(faint), [], 'texts that are too faint')
    assert.equal((await marks(other)).length, 3, 'a mark in each of the three slices')
    await picture(`clicks-${dark ? 'dark' : 'light'}`)
    await end()
  }
})

test('clicks: a network that makes another structure of the place is not silent about it', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open(`${path}?panes=axial&slice=z:3&refine`)
  const said = (text) => page.waitForFunction((part) => document.querySelector('#messages .error')?.textContent.includes(part), text)
  server.state.clickInto = 'spleen'
  await page.getByLabel('Click', { exact: true }).check()
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Space')
  await said('The clicked place did not become liver: it is spleen.')
  await said('of them are in other structures')
  await clean()
})
