import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lab, skip } from './lab.mjs'

const PAGES = { runs: '#/runs', run: '#/runs/f1', training: '#/runs/a2', viewer: '#/runs/f1/cases/case%2001?refine', segment: '#/segment', files: '#/files?path=phantom', vr: '#/vr?run=f1&case=case%2001' }

/** Texts whose contrast with their ground is below AA (4.5 : 1). Runs in the page. */
function faint() {
  const parse = (color) => color.match(/[\d.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor)
      if (a === 1) return [r, g, b]
    }
    return [255, 255, 255]
  }
  const found = []
  for (const element of document.querySelectorAll('#app *')) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join('')
    if (!text || element.closest('svg, option, :disabled') || !element.checkVisibility()) continue
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x)
    const contrast = (a + 0.05) / (b + 0.05)
    if (contrast < 4.5) found.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)}`)
  }
  return found
}

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
