// Event streams: browsers open six connections to one server at most, and all tabs share them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lab, ready, skip, until } from './lab.mjs'

/** Lets a page believe that its tab is hidden, or shown again: headless browsers hide none. */
const hideable = () => {
  let isHidden = false
  Object.defineProperty(document, 'hidden', { get: () => isHidden })
  window.turn = (hidden) => {
    isHidden = hidden
    document.dispatchEvent(new Event('visibilitychange'))
  }
}
const turn = (page, hidden) => page.evaluate((value) => window.turn(value), hidden)

/** Waits until a run or a job has so many streams. */
const streams = ({ listeners }, n) => until(() => listeners.size === n, `${n} streams`)

const lines = (page) => page.locator('.log li').evaluateAll((all) => all.map((line) => line.textContent.replace(/^\S+ /, '')))

test('streams: tabs that nobody looks at leave the browser its connections', { skip }, async (t) => {
  const { open, server } = await lab(t, { epochMs: 300 })
  const run = server.state.runs.get('a2')
  // It goes on for as long as the test lasts.
  run.epochs.of = 10_000
  const { page, clean } = await open('#/runs/a2', { script: hideable })
  const tabs = [page]
  for (let n = 1; n < 6; n++) {
    await turn(tabs.at(-1), true)
    const tab = await page.context().newPage()
    await tab.addInitScript(hideable)
    await tab.goto(`${server.url}/#/runs/a2`)
    await ready(tab)
    tabs.push(tab)
  }
  await streams(run, 1)
  await turn(tabs.at(-1), true)
  await streams(run, 0)
  const seventh = await page.context().newPage()
  await seventh.goto(`${server.url}/#/runs`, { timeout: 10_000 })
  await ready(seventh)
  await seventh.getByRole('link', { name: 'seed 1, fold 1' }).waitFor()
  await clean()
})

test('streams: a tab that is shown again has heard every line of the log once', { skip }, async (t) => {
  const { open, server } = await lab(t, { epochMs: 150 })
  const run = server.state.runs.get('a2')
  // It goes on for as long as the test lasts.
  run.epochs.of = 10_000
  const { page, clean } = await open('#/runs/a2', { script: hideable })
  await streams(run, 1)
  for (const pause of [700, 0, 300]) {
    await turn(page, true)
    await streams(run, 0)
    const before = (await lines(page)).length
    await page.waitForTimeout(pause)
    assert.equal((await lines(page)).length, before, 'nothing is heard meanwhile')
    await turn(page, false)
    await streams(run, 1)
    await page.waitForFunction((n) => document.querySelectorAll('.log li').length > n, before)
  }
  // Shown while it is shown, a tab opens no second stream.
  await turn(page, false)
  await streams(run, 1)
  run.state = 'resumable'
  await page.waitForFunction((n) => document.querySelectorAll('.log li').length === n, run.log.length)
  const epochs = (await lines(page)).flatMap((line) => line.match(/^epoch (\d+):/)?.[1] ?? []).map(Number)
  assert.deepEqual(epochs, Array.from({ length: run.epochs.done }, (_, i) => i + 1))
  await clean()
})

test('streams: a tab that was hidden while its job ended shows what came of it', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.stepMs = 2000
  const { page, clean } = await open('#/segment', { script: hideable })
  const asked = () => server.state.requests.filter((request) => request.endsWith('/events')).length
  await page.setInputFiles('[data-files]', [{ name: 'ct.nii.gz', mimeType: 'application/gzip', buffer: Buffer.from('mock') }])
  await page.getByRole('button', { name: 'Segment', exact: true }).click()
  await page.locator('progress.wide').waitFor()
  await turn(page, true)
  server.state.stepMs = 50
  const before = asked()
  await page.waitForTimeout(4000)
  assert.equal(asked(), before, 'a hidden tab asks for no events')
  assert.ok(await page.locator('progress.wide').isVisible(), 'it has not heard of the end')
  await turn(page, false)
  await page.getByText(/^Done in/).waitFor({ timeout: 5000 })
  await clean()
})
