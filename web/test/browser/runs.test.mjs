import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lab, ready, skip } from './lab.mjs'

test('runs: states, reasons of failures, live curves, start and stop', { skip }, async (t) => {
  const { open, server } = await lab(t, { epochMs: 600 })
  const { page, clean } = await open('#/runs')

  assert.deepEqual(await page.locator('section h2').allTextContents(), ['abdomen 5 runs', 'hippocampus 1 run'])
  assert.match(await page.locator('[data-run=b3]').textContent(), /failed.*the loss became NaN in epoch 3/)
  await page.getByLabel('Filter runs').fill('interrupted')
  assert.deepEqual(await page.locator('tbody tr').evaluateAll((rows) => rows.map((row) => row.dataset.run)), ['c4'])
  await page.getByLabel('Filter runs').fill('')

  await page.getByRole('link', { name: 'seed 1, fold 1' }).click()
  await ready(page)
  const epochs = () => page.locator('progress').first().evaluate((bar) => bar.value)
  const points = () => page.locator('.curves circle').count()
  await page.waitForSelector('.curves circle')
  const [before, drawn] = [await epochs(), await points()]
  await page.waitForFunction((n) => document.querySelector('progress').value >= n + 2, before, { timeout: 15_000 })
  assert.ok(await points() > drawn, 'the curve grew without a reload')
  assert.match(await page.locator('.curves svg').getAttribute('aria-label'), /Training loss: [\d.]+ in epoch \d+; Validation Dice: [\d.]+ in epoch \d+/)
  const expected = server.state.runs.get('a2')
  await page.getByText('Numbers of the curves').click()
  const rows = await page.locator('details table tbody tr').first().locator('td').allTextContents()
  assert.deepEqual(rows.slice(0, 2), ['1', JSON.parse(expected.log[2]).loss.toFixed(4)])

  await page.getByRole('button', { name: 'Stop' }).click()
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('interrupted'))
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('running'))
  await clean()
})

test('runs: nothing can be started where the server does not allow it; a finished run has cases, the worst first', { skip }, async (t) => {
  const { open } = await lab(t, { allowRun: false })
  const { page, clean } = await open('#/runs/c4')
  assert.equal(await page.getByRole('button', { name: 'Resume' }).count(), 0)
  await page.goto(page.url().replace(/#.*/, '#/runs/f1'))
  await page.getByRole('link', { name: 'case 01' }).first().waitFor()
  const dice = await page.locator('table', { hasText: 'Dice (mean)' }).locator('tbody tr td:nth-child(2)').allTextContents()
  assert.deepEqual(dice, [...dice].sort())
  assert.equal(await page.getByRole('link', { name: 'Report' }).getAttribute('href'), '/api/runs/f1/report/report.html')
  await clean()
})

test('an unknown run, a lost token and a stopped server are said in words', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, errors } = await open('#/runs/nothing')
  assert.equal(await page.locator('.failure').textContent(), 'there is no run nothing')
  await page.context().clearCookies()
  await page.evaluate(() => { location.hash = '#/runs' })
  await page.waitForFunction(() => document.querySelector('.failure')?.textContent.includes('open the link'))
  await server.close()
  await page.evaluate(() => { location.hash = '#/segment' })
  await page.waitForFunction(() => document.querySelector('.failure')?.textContent.includes('does not answer'))
  assert.ok(errors.every((text) => /Failed to load resource/.test(text)), errors.join('\n'))
})
