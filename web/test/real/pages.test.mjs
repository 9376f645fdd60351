// Runs that go on, links, the keyboard, looks, and the headset, with the real server.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MODEL, rowPlace } from '../../build/vr/layout.js'
import { count, isGrey, pixels, ready, until } from '../browser/chromium.mjs'
import { headset, hold, pose, towards, trigger } from '../browser/headset.mjs'
import { faint } from '../browser/contrast.mjs'
import { lab, python, runFolder, save, skip } from './lab.mjs'
import { isLiver, readout, saved } from './viewing.mjs'

test('a training is resumed from the page; its curves grow, it stops, and its state is saved', { skip }, async (t) => {
  const { open, server, folder } = await lab(t, { args: ['--allow-run'] })
  const { page, clean, shot } = await open('#/runs')
  const row = page.locator('section', { hasText: 'live' }).last()
  assert.match(await row.textContent(), /resumable.*2 of 400/s)
  await row.locator('tbody').getByRole('link').first().click()
  await page.waitForSelector('.curves circle')
  const points = () => page.locator('.curves circle').count()
  const epochs = () => page.locator('progress').first().evaluate((bar) => bar.value)
  const drawn = await points()
  assert.equal(drawn, 4, 'loss and Dice of two epochs')
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('running'))
  await page.waitForFunction(() => document.querySelector('progress').value >= 6, null, { timeout: 60_000 })
  assert.ok(await points() > drawn + 4, 'the curves grew without a reload')
  await shot('real-live')
  // What is drawn is what the run has logged.
  const [, first] = await page.locator('details table tbody tr').first().locator('td').allTextContents()
  const lines = readFileSync(`${runFolder(folder, 'live')}/events.jsonl`, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  assert.equal(first, lines.find(({ event, epoch }) => event === 'epoch' && epoch === 1).loss.toFixed(4))
  await page.getByRole('button', { name: 'Stop' }).click()
  const id = await server.idOf('live')
  const state = async () => (await (await server.ask(`/api/runs/${id}`)).json()).state
  await until(async () => (await state()) === 'resumable', 'the run is stopped')
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('resumable'), null, { timeout: 15_000 })
  const last = await epochs()
  await page.reload()
  await ready(page)
  assert.ok(await epochs() >= last - 1, 'the finished epochs stay')
  await clean()
})

test('a training that the command line resumes is seen to run, and to end', { skip }, async (t) => {
  const { open, folder } = await lab(t)
  const { page, clean } = await open('#/runs')
  await page.locator('section', { hasText: 'live' }).last().locator('tbody').getByRole('link').first().click()
  await page.waitForSelector('.curves circle')
  const { segspec } = await import('./lab.mjs')
  const ended = segspec(folder, 'run', 'experiments/live.toml', '--stop-after', '60')
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('running'), null, { timeout: 30_000 })
  await ended
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('resumable'), null, { timeout: 30_000 })
  // The head is drawn before the last epochs are read.
  await page.waitForFunction(() => document.querySelector('progress').value >= 60, null, { timeout: 30_000 })
  await clean()
})

test('a link leads to slice, labels and pane; report and plan open; the licences are text', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const id = await server.idOf('phantom')
  const { cases } = await (await server.ask(`/api/runs/${id}`)).json()
  const { page, clean } = await open(`#/runs/${id}/cases/${cases[1].name}?slice=z:9,y:20&show=errors&panes=coronal`)
  const { file } = await readout(page)
  assert.deepEqual([file[2], file[1]], [9, 20])
  assert.ok(await page.getByLabel('Errors').isChecked())
  assert.ok(await page.getByLabel('Coronal', { exact: true }).isChecked())
  const before = page.url()
  await page.keyboard.press('PageUp')
  await page.waitForFunction((url) => location.href !== url, before)
  await page.goto(page.url().replace(/#.*/, `#/runs/${id}`))
  await page.getByRole('link', { name: 'Report of this run' }).waitFor()

  // The report is a page of its own; its links to further files work, and it gets nothing of the server.
  const [report] = await Promise.all([page.waitForEvent('popup'), page.getByRole('link', { name: 'Report of this run' }).click()])
  const problems = []
  report.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()) })
  await report.waitForLoadState()
  assert.ok(await report.locator('h1').first().isVisible())
  const reached = await report.evaluate(() => fetch('/api/runs').then((answer) => answer.status, () => 'nothing'))
  assert.equal(reached, 'nothing')
  problems.length = 0
  const scene = report.getByRole('link', { name: 'surfaces in 3D' }).first()
  const [answer] = await Promise.all([report.waitForResponse((each) => each.url().endsWith('-3d.html')), scene.click()])
  assert.equal(answer.status(), 200, answer.url())
  await report.waitForLoadState()
  assert.deepEqual(problems, [])
  await report.close()

  const licences = await page.context().request.get(new URL('/licenses.md', page.url()).href)
  assert.match(licences.headers()['content-type'], /^text\/plain/)
  await clean()
})

test('by keyboard alone: from the list of runs to a corrected voxel', { skip }, async (t) => {
  const { open, server, folder } = await lab(t)
  const id = await server.idOf('phantom')
  const { page, clean } = await open('#/runs')
  /** Walks with Tab until the focus is on what has this name. */
  const walk = async (name) => {
    for (let i = 0; i < 150; i++) {
      await page.keyboard.press('Tab')
      const found = await page.evaluate(() => {
        const at = document.activeElement
        const styled = at.matches('.choice input') ? at.nextElementSibling : at
        return { name: (at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '').trim(), visible: getComputedStyle(styled).outlineStyle !== 'none', body: at === document.body }
      })
      if (!found.body) assert.ok(found.visible, `the focus is visible on ${found.name}`)
      if (found.name === name) return
    }
    assert.fail(`${name} was not reached`)
  }
  const run = await page.locator(`[data-run="${id}"] a`).textContent()
  await walk(run)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Cases' }).waitFor()
  const { cases } = await (await server.ask(`/api/runs/${id}`)).json()
  await walk(cases[0].name)
  await page.keyboard.press('Enter')
  await page.locator('.surface canvas').waitFor()
  await page.waitForFunction(() => document.querySelector('.world'))
  await page.keyboard.press('1')
  for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowUp', '.']) await page.keyboard.press(key)
  const { file, world } = await readout(page)
  await page.keyboard.press('r')
  await walk('Start from')
  await page.keyboard.press('N')
  await page.keyboard.press('Escape')
  await page.evaluate(() => document.activeElement.blur())
  assert.equal(await page.getByLabel('Start from').inputValue(), 'empty')
  for (let i = 0; i < 10; i++) await page.keyboard.press('k')
  await page.keyboard.press('Space')
  await saved(page)
  await page.waitForTimeout(1800)
  await saved(page)
  const found = await python('voxels', `${runFolder(folder, 'phantom')}/corrections/${cases[0].name}.nrrd`)
  assert.deepEqual([found.places, found.values], [[file], [1]])
  found.world[0].forEach((v, axis) => assert.ok(Math.abs(v - world[axis]) < 0.06, `${found.world[0]} is ${world}`))
  await clean()
})

test('every page: light, dark and on a phone, readable and without a sideways scroll', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const id = await server.idOf('phantom')
  const live = await server.idOf('live')
  const { cases } = await (await server.ask(`/api/runs/${id}`)).json()
  const name = cases[0].name
  const pages = { runs: '#/runs', run: `#/runs/${id}`, training: `#/runs/${live}`, viewer: `#/runs/${id}/cases/${name}?refine`, segment: '#/segment', files: '#/files?path=phantom', vr: `#/vr?run=${id}&case=${name}` }
  for (const [page_, hash] of Object.entries(pages)) {
    for (const [looks, options] of Object.entries({ light: {}, dark: { dark: true }, phone: { width: 390, height: 800, hasTouch: true } })) {
      const { page, clean, shot } = await open(hash, options)
      await page.waitForTimeout(600)
      await shot(`real-${page_}-${looks}`)
      assert.deepEqual(await page.evaluate(faint), [], `${page_}, ${looks}: texts that are too faint`)
      const [scroll, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok(scroll <= width, `${page_}, ${looks}: ${scroll} px in a window of ${width} px`)
      await clean()
    }
  }
})

test('VR: an emulated headset enters; a hand grabs and turns the model; a structure is switched off; the slice lies in it', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const id = await server.idOf('phantom')
  const { cases } = await (await server.ask(`/api/runs/${id}`)).json()
  const { page, clean, shot } = await open(`#/vr?run=${id}&case=${cases[0].name}`, { script: headset() })
  const picture = async () => pixels(await page.locator('.surface').screenshot())
  assert.ok(count(await picture(), isLiver) > 800, 'the flat page shows the liver')
  assert.deepEqual((await page.locator('.panel .check').allTextContents()).slice(0, 4), ['liver', 'left-kidney', 'right-kidney', 'spleen'])
  await page.getByRole('button', { name: 'Enter VR' }).click()
  await page.waitForTimeout(1500)
  await shot('real-vr-headset')
  const withLiver = count(await picture(), isLiver)
  assert.ok(withLiver > 200, `the headset shows the liver: ${withLiver} pixels`)
  const start = await pose(page)
  await hold(page, 'right', [0.1, 1.1, -0.4])
  await page.waitForTimeout(300)
  await trigger(page, 'right', 1)
  await hold(page, 'right', [0.1, 1.3, -0.4], [0, Math.sin(Math.PI / 4), 0, Math.cos(Math.PI / 4)])
  await page.waitForTimeout(400)
  await trigger(page, 'right', 0)
  const turned = await pose(page)
  const [dx, dz] = [MODEL[0] - 0.1, MODEL[2] + 0.4]
  const expected = [0.1 + dz, MODEL[1] + 0.2, -0.4 - dx]
  expected.forEach((v, axis) => assert.ok(Math.abs(turned[axis] - v) < 0.02, `${turned.slice(0, 3)} is not ${expected}`))
  const dot = Math.abs([3, 4, 5, 6].reduce((sum, i) => sum + start[i] * turned[i], 0))
  assert.ok(Math.abs(dot - Math.cos(Math.PI / 4)) < 0.01, 'turned by 90 degrees')
  const press = async (row) => {
    const from = [0.2, 1.3, -0.2]
    await hold(page, 'right', from, towards(rowPlace(row).map((v, axis) => v - from[axis])))
    await page.waitForTimeout(300)
    await trigger(page, 'right', 1)
    await trigger(page, 'right', 0)
  }
  await press(0)
  assert.ok(!(await page.getByLabel('liver').isChecked()), 'the liver is switched off')
  await shot('real-vr-without-liver')
  assert.ok(count(await picture(), isLiver) < withLiver / 4)
  await press(0)
  await press(4)
  await page.waitForFunction(() => [...document.querySelectorAll('.choice input')].find((each) => each.value === 'axial')?.checked)
  await page.waitForTimeout(800)
  assert.ok(count(await picture(), isGrey) > 300, 'the slice is drawn')
  await shot('real-vr-slice')
  await clean()
})
