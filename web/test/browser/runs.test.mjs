import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELD, lab, ready, skip } from './lab.mjs'

test('runs: states, reasons of failures, live curves, start and stop', { skip }, async (t) => {
  const { open, server } = await lab(t, { epochMs: 600 })
  const { page, clean } = await open('#/runs')

  assert.deepEqual(await page.locator('section h2').allTextContents(), ['abdomen 5 runs', 'hippocampus 1 run', 'Comparisons'])
  assert.match(await page.locator('[data-run=b3]').textContent(), /failed.*the loss became NaN in epoch 3/)
  await page.getByLabel('Filter runs').fill('resumable')
  assert.deepEqual(await page.locator('tbody tr').evaluateAll((rows) => rows.map((row) => row.dataset.run)), ['c4'])
  await page.getByLabel('Filter runs').fill('nonsense')
  await page.getByText('No run has “nonsense”').waitFor()
  await page.getByRole('button', { name: 'Show all runs' }).click()
  const first = () => page.locator('tbody').first().locator('tr').evaluateAll((rows) => rows.map((row) => row.dataset.run))
  assert.equal((await first())[0], 'f1', 'the best Dice first')
  await page.getByLabel('Order').selectOption('Name')
  assert.deepEqual(await first(), ['e5', 'f1', 'a2', 'b3', 'c4'])
  assert.deepEqual(await page.getByRole('region', { name: 'abdomen' }).getByRole('link', { name: /abdomen$/ }).evaluateAll((all) => all.map((link) => link.getAttribute('href'))), ['/report/key-abdomen/report.html', '/report/key-abdomen/ranking.html'])
  assert.equal(await page.getByRole('link', { name: 'Report: networks' }).getAttribute('href'), '/report/key-networks/report.html')

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
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('resumable'))
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
  assert.equal(await page.getByRole('link', { name: 'Report of this run' }).getAttribute('href'), '/api/runs/f1/report/report.html')
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

test('runs: a run that finishes while one looks gets its cases and report; its training was started elsewhere', { skip }, async (t) => {
  const { open, server } = await lab(t, { epochMs: 300 })
  const run = server.state.runs.get('a2')
  Object.assign(run, { epochs: { done: 20, of: 40 }, late: true, elsewhere: true })
  const { page, clean } = await open('#/runs/a2')
  await page.getByText('This run was not started here').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Stop' }).count(), 0)
  await page.getByText('Epoch 40 of 40').waitFor({ timeout: 20_000 })
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('finished'))
  await page.getByText('not predicted').first().waitFor({ timeout: 15_000 })
  assert.equal(await page.getByRole('link', { name: 'Report of this run' }).count(), 0)
  run.late = false
  await page.getByRole('link', { name: 'case 01' }).waitFor({ timeout: 15_000 })
  assert.ok(await page.getByRole('link', { name: 'Report of this run' }).isVisible())
  await page.getByText('Log', { exact: true }).click()
  assert.match(await page.locator('.log').textContent(), /epoch 40: loss \d\.\d{4}, validation Dice \d\.\d{4}/)
  await clean()
})

test('runs: Stop says that the run is stopping; averages have no training; a run without a sweep says so', { skip }, async (t) => {
  const { open, server } = await lab(t)
  server.state.stopMs = HELD
  const { page, clean, shot } = await open('#/runs/a2')
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('stopping …').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Stop' }).isDisabled())
  server.state.stopMs = 1
  await page.waitForFunction(() => document.querySelector('h1').textContent.includes('resumable'), null, { timeout: 15_000 })
  for (const [width, name] of [[1280, 'wide'], [390, 'phone']]) {
    await page.setViewportSize({ width, height: 800 })
    await page.waitForTimeout(200)
    await shot(`run-${name}`)
    const sizes = await page.locator('.curves text').evaluateAll((all) => all.map((text) => text.getBoundingClientRect().height))
    assert.ok(Math.min(...sizes) > 11, `${name}: numbers of ${Math.min(...sizes)} px`)
  }
  Object.assign(server.state.runs.get('e5'), { state: 'finished', name: 'lr 0.01 ensemble of 2 seeds' })
  await page.goto(page.url().replace(/#.*/, '#/runs/e5'))
  await page.getByText('Cases on which the members disagree most').waitFor()
  assert.deepEqual(await page.locator('h2').allTextContents(), ['Cases'])
  assert.ok(await page.getByText('1 − mean pairwise Dice').isVisible(), 'open')
  await page.goto(page.url().replace(/#.*/, '#/runs/n6'))
  await page.getByText('Settings', { exact: true }).click()
  await page.getByText('This experiment varies no setting').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Show the plan' }).getAttribute('href'), '/api/runs/n6/plan')
  await page.goto(page.url().replace(/#.*/, '#/runs'))
  assert.equal((await page.locator('[data-run=e5] td').first().textContent()).match(/ensemble/g).length, 1)
  await page.goto(page.url().replace(/#.*/, '#/runs/f1/cases/nobody'))
  await page.getByText('This page could not be shown').waitFor()
  assert.ok((await page.locator('h1').boundingBox()).x > 5, 'not at the edge of the window')
  await page.getByRole('link', { name: 'To the run', exact: true }).click()
  await page.getByRole('link', { name: 'case 01' }).waitFor()
  await page.context().close()
})

test('runs: losses whose difference is no number are drawn, and the page goes on', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const run = server.state.runs.get('f1')
  run.log = run.log.map((line) => JSON.parse(line)).map((line) => JSON.stringify(line.event === 'epoch' ? { ...line, loss: line.epoch % 2 ? -1e308 : 1e308 } : line))
  const { page, clean } = await open('#/runs/f1')
  await page.waitForFunction(() => document.querySelector('.curves svg')?.getAttribute('aria-label').includes('e+308'))
  const points = await page.locator('.curves polyline').first().getAttribute('points')
  assert.ok(points.length > 20 && !/NaN|Infinity/.test(points), points)
  assert.deepEqual(await page.locator('.curves text[text-anchor=end]').filter({ hasText: 'e+' }).allTextContents(), ['-1e+308', '-5e+307', '5e+307', '1e+308'])
  await clean()
})

test('runs: distances have the unit of their images', { skip }, async (t) => {
  const { open } = await lab(t)
  for (const [units, head, spleen] of [
    [[undefined, undefined], 'HD95 (mm), spleen', ['11.2', '11.2']],
    [['mm', null], 'HD95 (mm), spleen', ['11.2', '11.2']],
    [['voxel', 'voxel'], 'HD95 (voxels), spleen', ['11.2', '11.2']],
    [['mm', 'voxel'], 'HD95, spleen', ['11.2 mm', '11.2 voxels']],
  ]) {
    const routes = (page) => page.route('**/api/runs/f1', async (route) => {
      const body = await (await route.fetch()).json()
      body.cases = body.cases.slice(0, 2).map((row, i) => ({ ...row, dice: i, scores: Object.fromEntries(Object.entries(row.scores).map(([name, scores]) => [name, { ...scores, unit: units[i] }])) }))
      await route.fulfill({ json: body })
    })
    const { page, clean } = await open('#/runs/f1', { routes })
    const table = page.locator('table', { hasText: 'Dice (mean)' })
    await table.waitFor()
    assert.equal((await table.locator('thead th').allTextContents()).at(-1), head, String(units))
    assert.deepEqual(await table.locator('tbody tr td:last-child').allTextContents(), spleen, String(units))
    await clean()
  }
})
