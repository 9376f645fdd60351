// What one sees and keeps of a case: other structures of the reference, addresses, distances, the help, the list of structures.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { matrixOf, nifti, SHAPE } from '../../mock/volumes.mjs'
import { count, lab, pixels, ready, skip } from './lab.mjs'

const CASE = '#/runs/f1/cases/case%2001'
const canvas = async (page) => pixels(await page.locator('.surface').screenshot())
const isBlue = (r, g, b) => b > r + 40 && b > 90
const isYellow = (r, g, b) => r > 230 && g > 180 && b < 110

test('viewing: what the run does not segment is named, hidden at first, and no error', { skip }, async (t) => {
  const { open } = await lab(t)
  // In this slice, only the spine of the reference is labelled.
  const { page, clean, shot } = await open(`${CASE}?panes=axial&slice=z:23&show=errors`)
  await page.waitForTimeout(300)
  assert.ok(count(await canvas(page), isBlue) < 50, 'the spine is not missed')
  await page.getByText('Not segmented by this run, and no errors: spine.').waitFor()
  await page.getByLabel('Reference', { exact: true }).check()
  const see = page.getByLabel('Show spine')
  assert.ok(!(await see.isChecked()))
  const before = await canvas(page)
  await see.check()
  await page.getByLabel('Go to spine').click()
  await page.waitForTimeout(300)
  assert.match(await page.locator('.here').textContent(), /Reference: spine\. Prediction: background\./)
  assert.notDeepEqual((await canvas(page)).data, before.data, 'the spine is drawn')
  await shot('viewer-others')
  assert.equal(await page.getByText(/value 5/).count(), 0)
  await page.keyboard.press('r')
  const offered = await page.getByLabel('Structure', { exact: true }).locator('option').allTextContents()
  assert.deepEqual(offered, ['liver', 'left-kidney', 'spleen'], 'what the run does not segment cannot be painted')
  await clean()
})

test('viewing: the address keeps hidden structures and grey values; the next case is seen as this one', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?panes=axial`)
  await page.getByLabel('Show liver').uncheck()
  await page.getByLabel('Grey values').selectOption('bone')
  await page.waitForFunction(() => location.hash.includes('hide=1,5') && location.hash.includes('grey=bone'))
  const checkThis = async () => {
    assert.ok(!(await page.getByLabel('Show liver').isChecked()))
    assert.ok(await page.getByLabel('Show spleen').isChecked())
    assert.equal(await page.getByLabel('Grey values').inputValue(), 'bone')
    assert.ok(await page.getByLabel('Axial', { exact: true }).isChecked())
  }
  await page.reload()
  await ready(page)
  await checkThis()
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('n')
  await page.waitForFunction(() => document.querySelector('.viewer h1')?.textContent === 'case 02' && document.body.dataset.ready)
  await checkThis()
  await page.getByRole('link', { name: 'Previous case' }).click()
  await page.waitForFunction(() => document.querySelector('.viewer h1')?.textContent === 'case 01' && document.body.dataset.ready)
  await checkThis()
  await page.getByLabel('Level').fill('30')
  await page.getByLabel('Level').press('Enter')
  await page.getByLabel('Show liver').check()
  await page.waitForFunction(() => /grey=-?\d+,\d+/.test(location.hash) && !location.hash.includes('hide'))
  await page.reload()
  await ready(page)
  assert.equal(await page.getByLabel('Level').inputValue(), '30')
  await clean()
})

test('viewing: a distance stays in its slice, goes into the screenshot, and can be removed', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean, shot } = await open(`${CASE}?panes=axial&slice=z:12&show=none`)
  const picture = async () => {
    await page.evaluate(() => document.activeElement.blur())
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('i')])
    return pixels(readFileSync(await download.path()))
  }
  const before = count(await picture(), isYellow)
  const box = await page.locator('.surface canvas').boundingBox()
  const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.keyboard.press('m')
  for (const dy of [-60, 40]) {
    await page.mouse.move(cx - 120, cy + dy)
    await page.mouse.down()
    await page.mouse.move(cx + 90, cy + dy + 20, { steps: 4 })
    await page.mouse.up()
  }
  const lines = page.locator('.ruler line')
  assert.equal(await lines.count(), 2)
  assert.ok(count(await picture(), isYellow) > before + 400, 'the screenshot has the lines')
  await shot('viewer-measured')
  await page.keyboard.press('PageUp')
  await page.waitForFunction(() => document.querySelectorAll('.ruler line').length === 0)
  await page.keyboard.press('PageDown')
  await page.waitForFunction(() => document.querySelectorAll('.ruler line').length === 2)
  await page.getByRole('button', { name: /^Remove \d/ }).first().click()
  assert.deepEqual([await lines.count(), await page.locator('.measures li').count()], [1, 1])
  await clean()
})

test('viewing: the help begins at its beginning; Space after a click on a button paints', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?panes=axial&slice=z:3&refine`, { height: 480 })
  await page.keyboard.press('h')
  const box = page.getByRole('dialog')
  assert.equal(await box.evaluate((each) => each.scrollTop), 0)
  assert.ok(await box.getByRole('heading').isVisible())
  assert.ok(await box.evaluate((each) => each.scrollHeight > each.clientHeight + 50), 'the help is longer than the window')
  await page.keyboard.press('Escape')
  const undo = page.getByRole('button', { name: 'Undo' })
  for (const click of [() => page.getByLabel('Ball', { exact: true }).click(), () => page.getByRole('button', { name: 'Save', exact: true }).click(), () => page.getByLabel('Erase as a ball').click()]) {
    await click()
    assert.ok(await undo.isDisabled())
    await page.keyboard.press('Space')
    await page.waitForFunction(() => [...document.querySelectorAll('button')].some((each) => each.textContent === 'Undo' && !each.disabled))
    await page.keyboard.press('Control+z')
  }
  assert.ok(await page.getByLabel('Erase as a ball').isChecked(), 'Space did not switch it back')
  // Who walks with the keyboard presses what has the focus.
  await page.getByRole('button', { name: 'Redo' }).focus()
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Save')
  await page.keyboard.press('Space')
  assert.ok(await undo.isDisabled())
  await clean()
})

test('viewing: numbers and names of the structures are whole, in every width', { skip }, async (t) => {
  const { open } = await lab(t)
  for (const [width, height] of [[1280, 800], [1600, 900], [390, 844]]) {
    const { page, clean, shot } = await open(`${CASE}?panes=axial&refine`, { width, height })
    await page.locator('.structures').scrollIntoViewIfNeeded()
    await shot(`structures-${width}`)
    const cut = await page.evaluate(() => {
      const panel = document.querySelector('.panel').getBoundingClientRect()
      const cells = [...document.querySelectorAll('.structures th, .structures td, .structures .named span')]
      const wrong = cells.filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0 || each.getBoundingClientRect().right > panel.right)
      return [...wrong.map((each) => each.textContent), ...(document.querySelector('.panel .scroll') ? ['a box that scrolls'] : [])]
    })
    assert.deepEqual(cut, [], `${width}`)
    const sides = await page.evaluate(() => [...document.querySelectorAll('.structures .named')].map((each) => {
      const [mark, name] = [...each.children].map((child) => child.getBoundingClientRect())
      return mark.right <= name.left && mark.top < name.bottom && mark.bottom > name.top
    }))
    assert.ok(sides.every(Boolean), 'the colour stands beside the name')
    await clean()
  }
})

test('viewing: drawing and measuring with a finger leave nothing for NiiVue to cancel', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?panes=axial&slice=z:3&refine`, { width: 390, height: 844, hasTouch: true, isMobile: true })
  const box = await page.locator('.surface canvas').boundingBox()
  const session = await page.context().newCDPSession(page)
  const touch = (type, points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x, y })) })
  const stroke = async () => {
    const at = (i) => [box.x + box.width / 2 - 40 + 8 * i, box.y + box.height / 2 + 20]
    await touch('touchStart', [at(0)])
    for (let i = 1; i < 8; i++) await touch('touchMove', [at(i)])
    await touch('touchEnd', [])
    await page.waitForTimeout(200)
  }
  const place = await page.locator('.world').textContent()
  // What NiiVue would cancel is seen here, whether the browser lets it or not.
  await page.evaluate(() => {
    const { preventDefault } = Event.prototype
    Event.prototype.preventDefault = function () {
      if (this.type === 'touchend') document.body.dataset.cancelled = 'yes'
      preventDefault.call(this)
    }
  })
  await stroke()
  await page.waitForFunction(() => [...document.querySelectorAll('button')].some((each) => each.textContent === 'Undo' && !each.disabled))
  assert.equal(await page.locator('.world').textContent(), place, 'the crosshair stays')
  await page.keyboard.press('m')
  await stroke()
  assert.equal(await page.locator('.ruler line').count(), 1)
  assert.equal(await page.evaluate(() => document.body.dataset.cancelled), undefined)
  await clean()
})

test('viewing: an image without a modality that holds values of air is offered the windows of a CT', { skip }, async (t) => {
  const { open } = await lab(t)
  const unsaid = async (page) => page.route('**/cases/case%2001', async (route) => {
    const body = await (await route.fetch()).json()
    body.images[0].modality = null
    await route.fulfill({ json: body })
  })
  const { page, clean } = await open(`${CASE}?panes=axial`, { routes: unsaid })
  const grey = page.getByLabel('Grey values')
  assert.equal(await grey.inputValue(), 'auto', 'nobody said that it is a CT')
  await grey.selectOption('liver')
  assert.deepEqual([await page.getByLabel('Level').inputValue(), await page.getByLabel('Width').inputValue()], ['80', '150'])
  await clean()
})

test('viewing: greys are those of the window, whatever numbers the file is made of', { skip }, async (t) => {
  const { open } = await lab(t)
  const bands = [-150, -98, -20, 10, 40, 76, 100, 300]
  const [level, width] = [15, 255]
  const expected = bands.map((value) => Math.min(255, Math.max(0, Math.floor((256 * (value - (level - width / 2))) / width))))
  for (const [name, Type, datatype] of [['int16', Int16Array, 4], ['uint8', Uint8Array, 2], ['uint16', Uint16Array, 512], ['float32', Float32Array, 16], ['int32', Int32Array, 8]]) {
    // Stored from 0 on, as not every type has a sign; the file's intercept brings them back. Bands run along the first axis of the file.
    const data = Type.from({ length: SHAPE[0] * SHAPE[1] * SHAPE[2] }, (_, at) => (bands[Math.floor((at % SHAPE[0]) / 5)] + 150) / 2)
    const body = nifti({ shape: SHAPE, matrix: matrixOf('straight'), data, datatype, slope: 2, intercept: -150 })
    const routes = (page) => page.route('**/case%2001/image*', (route) => route.fulfill({ body, contentType: 'application/gzip' }))
    const { page, clean } = await open(`${CASE}?panes=axial&grey=${level - width / 2},${level + width / 2}`, { routes })
    await page.waitForTimeout(300)
    const seen = new Map()
    count(pixels(await page.locator('canvas').first().screenshot()), (r, g, b) => r === g && g === b && !seen.set(r, (seen.get(r) ?? 0) + 1))
    const most = [...seen].sort((a, b) => b[1] - a[1]).slice(0, bands.length).map(([grey]) => grey).sort((a, b) => a - b)
    assert.deepEqual(most, expected.sort((a, b) => a - b), name)
    await clean()
  }
})

test('viewing: at most two messages at a time, and a note takes no error away', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?slice=z:99&panes=axial`)
  const said = () => page.locator('#messages > p').evaluateAll((all) => all.map(({ className, textContent }) => `${className}: ${textContent}`))
  assert.match((await said()).join(), /^error: .*z:99/)
  const notes = new Set()
  for (const act of [() => page.locator('body').press('w'), () => page.getByRole('button', { name: 'Copy link' }).click(), () => page.locator('body').press('w')]) {
    await act()
    await page.waitForTimeout(200)
    const now = await said()
    assert.ok(now.length <= 2, now.join())
    assert.match(now[0], /^error: .*z:99/)
    notes.add(now[1])
  }
  assert.ok(notes.size >= 2, [...notes].join())
  await clean()
})

test('viewing: Escape closes messages, but in a dialog the dialog', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?slice=z:99&panes=axial`)
  const error = page.locator('#messages .error')
  await error.waitFor()
  await page.keyboard.press('h')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.equal(await error.count(), 1)
  await page.keyboard.press('Escape')
  assert.equal(await error.count(), 0)
  await clean()
})

test('viewing: what the colours of errors mean stands where they are switched on; an image alone has no list of structures', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?panes=axial`)
  const legend = page.getByText('missed: only in the reference')
  assert.ok(await legend.isHidden())
  await page.getByLabel('Errors').check()
  const [below, choice] = [await legend.boundingBox(), await page.locator('.choice', { hasText: 'Errors' }).boundingBox()]
  assert.ok(below.y - (choice.y + choice.height) < 30, 'the legend is beside the choice')
  assert.ok(await page.getByRole('heading', { name: 'Structures' }).isHidden())
  await page.keyboard.press('r')
  await page.getByRole('heading', { name: 'Structures' }).waitFor()
  assert.ok(await legend.isHidden())
  await page.goto(page.url().replace(/#.*/, '#/files/view?path=phantom%2Fct_01.nii.gz&slice=x:19,y:18'))
  await page.locator('.world').waitFor()
  assert.ok(await page.getByRole('heading', { name: 'Structures' }).isHidden())
  assert.doesNotMatch(await page.locator('.world').textContent(), /-0\.0/)
  await clean()
})

test('viewing: an error goes away when it is closed, and with the page that it is about; a note of the next page stays', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open(`${CASE}?slice=z:99&panes=axial`)
  const error = page.locator('#messages .error')
  await error.waitFor()
  await page.getByRole('button', { name: 'Close this message' }).click()
  assert.equal(await error.count(), 0)
  await page.goto(page.url().replace(/#.*/, `${CASE}?slice=z:98`))
  await error.waitFor()
  await page.getByRole('link', { name: 'Back', exact: true }).click()
  await page.getByRole('link', { name: 'case 01' }).waitFor()
  assert.equal(await error.count(), 0, 'the list of cases has no slice 98')
  await page.goBack()
  await page.locator('.surface canvas').waitFor()
  await page.locator('body').press('w')
  await page.locator('#messages .note').waitFor()
  await clean()
})
