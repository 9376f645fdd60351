// New structures of several cases of a run, and the predictions that corrections are drawn upon.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { SHAPE } from '../../mock/volumes.mjs'
import { HELD, lab, skip, until } from './lab.mjs'

const [ONE, TWO] = ['#/runs/f1/cases/case%2001?panes=axial', '#/runs/f1/cases/case%2002?panes=axial']
const status = (page, text) => page.waitForFunction((part) => document.querySelector('.save')?.textContent.includes(part), text, { timeout: 15_000 })
const told = (page, text) => page.waitForFunction((part) => document.getElementById('messages')?.textContent.includes(part), text)
const puts = (server) => server.state.requests.filter((request) => request.startsWith('PUT ')).length

/** Number of voxels of values that the run does not have. */
function added(server, key) {
  const bytes = gunzipSync(server.state.corrections.get(key).file)
  const counts = {}
  for (let i = 0; i < SHAPE[0] * SHAPE[1] * SHAPE[2]; i++) {
    const value = bytes.readUInt16LE(352 + 2 * i)
    if (value > 300) counts[value] = (counts[value] ?? 0) + 1
  }
  return counts
}

/** Paints with a new structure at the crosshair. */
async function draw(page, name) {
  await page.locator('details', { hasText: 'New structure' }).evaluate((details) => { details.open = true })
  await page.getByLabel('Name of the new structure').fill(name)
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await dab(page)
}

async function dab(page) {
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Space')
}

/** Waits for the correction of a case: the page tells of a clash before it has saved again. */
const saved = (server, key) => until(() => server.state.corrections.has(key), `${key} is saved`)

/** Saves what was changed. */
async function save(page) {
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await status(page, 'Saved')
}

const sent = (server, key) => JSON.parse(decodeURIComponent(server.state.corrections.get(key).sent)).map(({ name, value, color }) => [name, value, color])
const names = (page) => page.getByLabel('Structure', { exact: true }).locator('option').allTextContents()
/** Takes the server's refusals out of the errors of the console. */
const refused = (errors, code) => assert.equal(errors.splice(0).filter((text) => !text.includes(`status of ${code}`)).length, 0)

test('clashes: a value that another case’s new structure got meanwhile is given up, and nothing that was drawn', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors, clean } = await open(`${TWO}&slice=z:4&refine`)
  const first = await open(`${ONE}&slice=z:3&refine`)
  await draw(first.page, 'cyst')
  await save(first.page)
  await first.clean()
  assert.deepEqual(Object.keys(added(server, 'f1/case 01')), ['301'])

  await draw(page, 'nodule')
  await told(page, 'Another correction has taken the value of nodule, which has the value 302 now.')
  await status(page, 'Saved')
  const drawn = added(server, 'f1/case 02')
  assert.deepEqual(Object.keys(drawn), ['302'])
  assert.deepEqual(sent(server, 'f1/case 02').map(([name, value]) => [name, value]), [['nodule', 302]])
  assert.deepEqual(await names(page), ['liver', 'left-kidney', 'spleen', 'nodule', 'cyst'])
  assert.equal(puts(server), 3, 'one save each, and one again')
  refused(errors, 409)
  // What was drawn before is undone and redone after.
  await page.getByRole('button', { name: 'Undo' }).click()
  await save(page)
  assert.deepEqual(added(server, 'f1/case 02'), {})
  await page.getByRole('button', { name: 'Redo' }).click()
  await save(page)
  assert.deepEqual(added(server, 'f1/case 02'), drawn)
  await draw(page, 'Cyst')
  await told(page, 'There is a structure cyst already')
  await page.reload()
  await page.getByLabel('Show nodule').waitFor()
  await clean()
})

test('clashes: a name that another case’s new structure got meanwhile means that structure', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors, clean } = await open(`${TWO}&slice=z:4&refine`)
  const first = await open(`${ONE}&slice=z:3&refine`)
  await draw(first.page, 'nodule')
  await first.page.keyboard.press('.')
  await draw(first.page, 'cyst')
  await save(first.page)
  await first.clean()
  const [, cyst] = sent(server, 'f1/case 01')

  server.state.failCorrections = true
  await draw(page, 'Cyst')
  await page.keyboard.press('.')
  await draw(page, 'bulla')
  await status(page, 'the disk is full')
  const swatches = () => page.locator('.structures .named').evaluateAll((all) => all.map((each) => [each.textContent, each.querySelector('.swatch').style.background]))
  const before = await page.locator('.panel tbody tr', { hasText: 'Cyst' }).locator('td').nth(3).textContent()
  server.state.failCorrections = false
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await told(page, `Another correction has cyst, too: here it has the same colour and value now, 302. Another correction has taken the value of bulla, which has the value 303 now.`)
  await status(page, 'Saved')
  assert.deepEqual(Object.keys(added(server, 'f1/case 02')), ['302', '303'])
  assert.deepEqual(sent(server, 'f1/case 02')[0], cyst)
  assert.deepEqual(await names(page), ['liver', 'left-kidney', 'spleen', 'cyst', 'bulla', 'nodule'])
  assert.equal(await page.locator('.panel tbody tr', { hasText: 'cyst' }).locator('td').nth(3).textContent(), before, 'as much of it as was drawn')
  const rgb = (hex) => `rgb(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join(', ')})`
  assert.equal((await swatches()).find(([name]) => name === 'cyst')[1], rgb(cyst[2]))
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await save(page)
  assert.deepEqual(added(server, 'f1/case 02'), {})
  assert.equal(errors.splice(0).filter((text) => !/status of (409|500)/.test(text)).length, 0)
  await clean()
})

test('clashes: labels that the network has meanwhile come back as what they were', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors, clean } = await open(`${TWO}&slice=z:4&refine`)
  const first = await open(`${ONE}&slice=z:3&refine`)
  await draw(first.page, 'cyst')
  await save(first.page)
  await first.clean()
  server.state.clickMs = HELD
  await draw(page, 'nodule')
  await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'liver' })
  await page.getByLabel('Click', { exact: true }).check()
  const box = await page.locator('.surface canvas').boundingBox()
  await page.mouse.click(box.x + box.width / 2 - 150, box.y + box.height / 2)
  await page.waitForSelector('.mark.waiting')
  await told(page, 'nodule, which has the value 302')
  await saved(server, 'f1/case 02')
  await page.waitForSelector('.mark.waiting')
  const drawn = added(server, 'f1/case 02')
  server.state.clickMs = 50
  await page.waitForFunction(() => document.querySelector('.clicks').textContent === '1 click')
  await save(page)
  assert.deepEqual([Object.keys(drawn), added(server, 'f1/case 02')], [['302'], drawn])
  refused(errors, 409)
  await clean()
})

test('clashes: who gives way again and again says at last that nothing is saved', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors, clean } = await open(`${TWO}&slice=z:4&refine`)
  server.state.alwaysClash = true
  await draw(page, 'nodule')
  await status(page, 'Not saved: others are faster')
  assert.equal(puts(server), 4)
  server.state.alwaysClash = false
  await save(page)
  assert.deepEqual(Object.keys(added(server, 'f1/case 02')), ['301'])
  refused(errors, 409)
  await clean()
})

test('clashes: corrections of one case with new structures of one value are put together', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors, clean } = await open(`${TWO}&slice=z:4&refine`)
  const first = await open(`${TWO}&slice=z:8&refine`)
  await draw(first.page, 'cyst')
  await save(first.page)
  await first.clean()
  await draw(page, 'nodule')
  await status(page, 'Mock Reader saved another correction')
  await page.getByRole('button', { name: 'Put my changes on top of theirs' }).click()
  await told(page, 'nodule, which has the value 302')
  await status(page, 'Saved')
  const found = added(server, 'f1/case 02')
  assert.deepEqual(Object.keys(found), ['301', '302'])
  assert.equal(found[301], found[302], 'a dab of each')
  refused(errors, 412)
  await clean()
})

test('clashes: a name that the dataset has for something else is refused before anything is drawn', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open(`${ONE}&refine`)
  await draw(page, 'Renal Cortex')
  await told(page, 'The dataset has renal-cortex for something else.')
  assert.deepEqual(await names(page), ['liver', 'left-kidney', 'spleen'])
  assert.equal(puts(server), 0)
  await clean()
})

test('corrections: a save names the prediction that it is drawn upon, also where another one came since', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const run = server.state.runs.get('f1')
  const upon = (key = 'f1/case 01') => [server.state.corrections.get(key).base, server.state.corrections.get(key).prediction]
  const first = await open(`${ONE}&slice=z:3&refine`)
  run.prediction = 'p2'
  await dab(first.page)
  await save(first.page)
  assert.deepEqual(upon(), ['prediction', 'p1'], 'that which was shown')
  const { page, errors, clean } = await open(`${ONE}&slice=z:6&refine`)
  await dab(page)
  await save(page)
  assert.deepEqual(upon(), ['prediction', 'p1'], 'that of the correction which was gone on with')
  for (const [start, expected] of [['prediction', ['prediction', 'p2']], ['reference', ['reference', null]], ['empty', ['empty', null]], ['correction', ['prediction', 'p1']]]) {
    await page.getByLabel('Start from').selectOption(start)
    // What replaces somebody's work is asked for first.
    if (start === 'prediction') await page.getByRole('button', { name: 'Replace what is drawn' }).click()
    await save(page)
    assert.deepEqual(upon(), expected)
  }
  // What one drew upon the second prediction goes on top of what another person drew upon the first.
  await page.getByLabel('Start from').selectOption('prediction')
  await page.getByRole('button', { name: 'Replace what is drawn' }).click()
  await save(page)
  await first.page.getByRole('button', { name: 'Undo' }).click()
  await first.page.getByRole('button', { name: 'Save', exact: true }).click()
  await status(first.page, 'Mock Reader saved another correction')
  await first.page.getByRole('button', { name: 'Replace theirs with mine' }).click()
  await status(first.page, 'Saved')
  assert.deepEqual(upon(), ['prediction', 'p1'])
  await dab(page)
  await status(page, 'Mock Reader saved another correction')
  await page.getByRole('button', { name: 'Put my changes on top of theirs' }).click()
  await status(page, 'Saved')
  assert.deepEqual(upon(), ['prediction', 'p1'])
  for (const each of [first, { errors }]) refused(each.errors, 412)
  await first.clean()
  await clean()

  // A server that names none.
  Object.assign(server.state.runs.get('n6'), { state: 'finished' })
  const plain = await open('#/runs/n6/cases/case%2001?panes=axial&slice=z:3&refine')
  await dab(plain.page)
  await save(plain.page)
  assert.deepEqual(upon('n6/case 01'), ['prediction', null])
  await plain.clean()
})
