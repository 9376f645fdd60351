import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faint } from './contrast.mjs'
import { lab, skip } from './lab.mjs'

const PAGES = { runs: '#/runs', run: '#/runs/f1', training: '#/runs/a2', viewer: '#/runs/f1/cases/case%2001?refine', segment: '#/segment', files: '#/files?path=phantom', vr: '#/vr?run=f1&case=case%2001' }

for (const [name, hash] of Object.entries(PAGES)) {
  test(`${name}: light, dark and on a phone`, { skip }, async (t) => {
    const { open } = await lab(t)
    for (const [look, options] of Object.entries({ light: {}, dark: { dark: true }, phone: { width: 390, height: 800, hasTouch: true } })) {
      const { page, clean, shot } = await open(hash, options)
      await page.waitForTimeout(300)
      await shot(`${name}-${look}`)
      assert.deepEqual(await page.evaluate(faint), [], `${look}: texts that are too faint`)
      const [scroll, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok(scroll <= width, `${look}: ${scroll} px in a window of ${width} px`)
      await clean()
    }
  })
}

test('the colour switch overrides the system and is remembered', { skip }, async (t) => {
  const { open } = await lab(t)
  const { page, clean } = await open('#/runs')
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  assert.equal(await paper(), 'rgb(255, 255, 255)')
  await page.getByLabel('Colours').selectOption('dark')
  assert.equal(await paper(), 'rgb(20, 24, 29)')
  await page.reload()
  assert.equal(await paper(), 'rgb(20, 24, 29)')
  assert.ok(await page.getByText('Research use only').first().isVisible())
  await clean()
})
