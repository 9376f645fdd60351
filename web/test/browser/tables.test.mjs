// Tables of runs, images and jobs, as wide as screens are; what is said where runs cannot be started.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lab, skip } from './lab.mjs'

test('tables: runs need no sideways scroll, in every language and width; short ones none at all', { skip }, async (t) => {
  const { open } = await lab(t)
  for (const locale of ['en-US', 'de-DE', 'ja-JP']) {
    for (const width of [1400, 1100, 760, 390]) {
      const { page, clean, shot } = await open('#/runs', { width, height: 900, locale })
      const wrong = await page.evaluate(() => {
        const boxes = [...document.querySelectorAll('.scroll')]
        const scrolling = boxes.filter((each) => each.scrollWidth > each.clientWidth).map((each) => `a box scrolls by ${each.scrollWidth - each.clientWidth} px`)
        const cells = [...document.querySelectorAll('.runs td')].filter((each) => each.scrollWidth > each.clientWidth + 1)
        return [...scrolling, ...cells.map((each) => each.textContent)]
      })
      assert.deepEqual(wrong, [], `${locale}, ${width}`)
      if (locale === 'en-US') await shot(`runs-${width}`)
      await clean()
    }
  }
})

test('tables: headings stand over their columns', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const headers = { authorization: `Bearer ${server.state.token}`, 'content-type': 'application/json' }
  await fetch(`${server.url}/api/jobs`, { method: 'POST', headers, body: JSON.stringify({ run: 'f1', case: 'case 01' }) })
  const sides = (page, selector) => page.locator(selector).evaluate((table) => [...table.tHead.rows[0].cells].flatMap((head, i) => {
    const own = [head, table.tBodies[0].rows[0].cells[i]].map((each) => getComputedStyle(each).textAlign)
    return head.textContent !== '' && own[0] !== own[1] ? [`${head.textContent}: ${own}`] : []
  }))
  for (const [hash, selector] of [['#/segment', '.jobs'], ['#/runs', '.runs >> nth=0'], ['#/files?path=phantom', '.scroll table']]) {
    const { page, clean } = await open(hash, { width: 1400, height: 900 })
    await page.locator(selector).waitFor()
    assert.deepEqual(await sides(page, selector), [], hash)
    await clean()
  }
})

test('tables: where runs cannot be started, one note says how they could be', { skip }, async (t) => {
  const { open, server } = await lab(t, { allowRun: false })
  const note = 'Start the server with --allow-run to resume or stop runs here.'
  const { page, clean } = await open('#/runs')
  assert.equal(await page.getByText(note).count(), 1)
  await page.goto(page.url().replace(/#.*/, '#/runs/c4'))
  await page.getByText(note).waitFor()
  await page.goto(page.url().replace(/#.*/, '#/runs/f1'))
  await page.getByRole('heading', { name: 'seed 1, fold 0' }).waitFor()
  assert.equal(await page.getByText(note).count(), 0, 'a finished run is not resumed')
  server.state.allowRun = true
  await clean()
  const other = await open('#/runs')
  assert.ok(await other.page.getByText(note).isHidden())
  await other.clean()
})
