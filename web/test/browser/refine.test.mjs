import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { matrixOf, SHAPE, voxels } from '../../mock/volumes.mjs'
import { lab, skip } from './lab.mjs'

/** Voxels of a saved correction, read without the page's code. */
function saved(server, key) {
  const bytes = gunzipSync(server.state.corrections.get(key).file)
  const dims = [42, 44, 46].map((at) => bytes.readInt16LE(at))
  const type = bytes.readInt16LE(70)
  const n = dims[0] * dims[1] * dims[2]
  assert.deepEqual(dims, SHAPE)
  assert.equal(type, 512, 'a value of 300 needs 16 bits')
  return {
    matrix: Array.from({ length: 12 }, (_, i) => bytes.readFloatLE(280 + 4 * i)),
    data: Array.from({ length: n }, (_, i) => bytes.readUInt16LE(352 + 2 * i)),
  }
}

const at = ([x, y, z]) => x + SHAPE[0] * (y + SHAPE[1] * z)
const point = (i) => [i % SHAPE[0], Math.floor(i / SHAPE[0]) % SHAPE[1], Math.floor(i / SHAPE[0] / SHAPE[1])]
const world = (m, [x, y, z]) => [0, 4, 8].map((r) => m[r] * x + m[r + 1] * y + m[r + 2] * z + m[r + 3])
const gap = (a, b) => Math.hypot(...a.map((v, axis) => v - b[axis]))

/** What the panel says about the voxel at the crosshair: file indices, world position, value of the image. */
const readout = (page) => page.evaluate(() => {
  const fields = [...document.querySelectorAll('.panel .field')]
  return {
    file: ['x', 'y', 'z'].map((axis) => fields.find((each) => each.textContent.includes(`slice (${axis})`)).querySelector('input').valueAsNumber),
    world: document.querySelector('.world').textContent.match(/-?[\d.]+/g).slice(0, 3).map(Number),
    value: Number(document.querySelector('.value').textContent.match(/-?[\d.]+/)[0]),
  }
})

const isSaved = (page) => page.waitForFunction(() => document.querySelector('.save')?.textContent.startsWith('Saved'), null, { timeout: 15_000 })

for (const [name, kind] of [['case 01', 'straight'], ['case 02', 'oblique']]) {
  for (const pane of ['axial', 'coronal', 'sagittal']) {
    test(`refine: a click and a stroke in the ${pane} pane of a ${kind} image are saved at the very voxels`, { skip }, async (t) => {
      const { open, server } = await lab(t)
      const { page, clean } = await open(`#/runs/f1/cases/${encodeURIComponent(name)}?panes=${pane}&show=none`)
      const box = await page.locator('.surface canvas').boundingBox()
      const spot = (dx, dy) => [box.x + box.width / 2 + dx, box.y + box.height / 2 + dy]
      const look = async (...where) => {
        await page.mouse.click(...where)
        await page.waitForTimeout(120)
        return readout(page)
      }
      const ends = [spot(-93, 41), spot(77, -52)]
      const [from, to] = [await look(...ends[0]), await look(...ends[1])]
      const image = voxels(kind, 'image')
      for (const each of [from, to]) {
        assert.equal(each.value, image[at(each.file)], 'the panel reads the image where it says')
        assert.ok(gap(each.world, world(matrixOf(kind), each.file)) < 0.2, `${each.world} is the place of ${each.file}`)
      }

      await page.keyboard.press('r')
      await page.getByLabel('Start from').selectOption('empty')
      await page.getByLabel('Structure', { exact: true }).selectOption({ label: 'spleen' })
      await page.evaluate(() => document.activeElement.blur())
      for (let i = 0; i < 12; i++) await page.keyboard.press('k')
      await page.mouse.click(...ends[0])
      await isSaved(page)
      const one = saved(server, `f1/${name}`)
      assert.deepEqual(one.data.flatMap((value, i) => (value ? [[value, ...point(i)]] : [])), [[300, ...from.file]])
      assert.ok(one.matrix.every((v, i) => Math.abs(v - matrixOf(kind)[i]) < 1e-4), 'the grid is that of the image')
      assert.equal(server.state.corrections.get(`f1/${name}`).base, 'empty')

      for (let i = 0; i < 13; i++) await page.keyboard.press('l')
      await page.mouse.move(...ends[0])
      await page.mouse.down()
      await page.mouse.move(...ends[1], { steps: 6 })
      await page.mouse.up()
      await page.waitForFunction(() => document.querySelector('.save').textContent === 'Not saved yet')
      await isSaved(page)
      checkStroke(saved(server, `f1/${name}`), kind, from.file, to.file, 7)

      await page.keyboard.press('Control+z')
      await page.waitForTimeout(1800)
      await isSaved(page)
      assert.deepEqual(saved(server, `f1/${name}`).data, one.data, 'undo brings back exactly what was')
      await clean()
    })
  }
}

/** All voxels of the slice that surely lie within the radius of the line are painted, and none that surely lies outside. */
function checkStroke({ data }, kind, from, to, radius) {
  const m = matrixOf(kind)
  const [a, b] = [world(m, from), world(m, to)]
  const axis = [0, 1, 2].find((each) => from[each] === to[each] && data.every((value, i) => !value || point(i)[each] === from[each]))
  assert.notEqual(axis, undefined, 'the stroke lies in one slice')
  const length = gap(a, b)
  const near = (p) => {
    const t = Math.min(1, Math.max(0, a.reduce((sum, v, k) => sum + (p[k] - v) * (b[k] - v), 0) / length ** 2))
    return gap(p, a.map((v, k) => v + t * (b[k] - v)))
  }
  // The pointer is somewhere in the voxels that the panel named: up to half a diagonal from their middles.
  const slack = 2.6
  data.forEach((value, i) => {
    const own = point(i)
    const d = near(world(m, own))
    if (value) assert.ok(d <= radius + slack, `${own} lies ${d} mm away`)
    else if (own[axis] === from[axis]) assert.ok(d >= radius - slack, `${own} is missing, ${d} mm from the line`)
  })
  assert.ok(data.filter(Boolean).length > 20)
}

test('refine: tools, operations, a new structure; a save that fails is said and made good', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean, errors, shot } = await open('#/runs/f1/cases/case%2001?panes=axial&slice=z:12&refine')
  const volume = async (name) => parseFloat(await page.locator('.panel tbody tr', { hasText: name }).locator('td').nth(3).textContent())
  const before = await volume('liver')
  await page.getByLabel('Smooth by (mm)').fill('7')
  await page.getByRole('button', { name: 'Smooth by', exact: true }).click()
  await page.waitForFunction(() => /\d+ voxels changed/.test(document.getElementById('messages')?.textContent))
  assert.notEqual(await volume('liver'), before)
  await page.getByRole('button', { name: 'Undo' }).click()
  assert.equal(await volume('liver'), before)
  await page.getByRole('button', { name: 'Redo' }).click()
  assert.notEqual(await volume('liver'), before)
  await page.getByRole('button', { name: 'Keep the largest piece' }).click()
  await page.waitForFunction(() => document.getElementById('messages').textContent.includes('in one piece'))

  await page.getByText('New structure').click()
  await page.getByRole('button', { name: 'Add' }).click()
  await page.waitForFunction(() => document.getElementById('messages').textContent.includes('needs a name'))
  await page.getByLabel('Name of the new structure').fill('tumour')
  const color = await page.getByLabel('Colour', { exact: true }).inputValue()
  await page.getByRole('button', { name: 'Add' }).click()
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('d')
  assert.ok(await page.getByLabel('Ball', { exact: true }).isChecked())
  server.state.failCorrections = true
  await page.keyboard.press('Space')
  await page.waitForFunction(() => document.querySelector('.save.failed')?.textContent.includes('the disk is full'), null, { timeout: 10_000 })
  server.state.failCorrections = false
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await isSaved(page)
  await shot('refine')
  const { data } = saved(server, 'f1/case 01')
  const slices = new Set(data.flatMap((value, i) => (value === 301 ? [point(i)[2]] : [])))
  assert.ok(slices.size >= 3, 'a ball reaches into other slices')
  assert.deepEqual(JSON.parse(decodeURIComponent(server.state.corrections.get('f1/case 01').sent)), [{ name: 'tumour', value: 301, color }])
  assert.ok(await volume('tumour') > 0)
  // The one failed request is the server's refusal.
  assert.equal(errors.splice(0).filter((text) => !/status of 500/.test(text)).length, 0)
  await clean()
})

/** Adds a structure as a person does. */
async function add(page, name) {
  await page.getByLabel('Name of the new structure').fill(name)
  await page.getByRole('button', { name: 'Add', exact: true }).click()
}

test('refine: a name that the server refuses is refused before anything is drawn; a new structure is sent with its first voxel', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open('#/runs/f1/cases/case%2001?panes=axial&slice=z:3&refine')
  await page.getByText('New structure').click()
  const told = (text) => page.waitForFunction((part) => document.getElementById('messages')?.textContent.includes(part), text)
  const names = () => page.getByLabel('Structure', { exact: true }).locator('option').allTextContents()
  for (const [name, why] of [['Liver', 'a structure liver already'], ['Left Kidney', 'a structure left-kidney already'], ['Spine', 'spine belongs to the dataset, but this run does not segment it'], ['a/b', 'cannot have a slash'], ['Background', 'cannot be called'], ['x'.repeat(65), '1 to 64 characters']]) {
    await add(page, name)
    await told(why)
  }
  assert.deepEqual(await names(), ['liver', 'left-kidney', 'spleen'])
  await add(page, 'tumour')
  await add(page, 'cyst')
  assert.deepEqual(await names(), ['liver', 'left-kidney', 'spleen', 'tumour', 'cyst'])
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Space')
  await isSaved(page)
  const { sent } = server.state.corrections.get('f1/case 01')
  assert.deepEqual(JSON.parse(decodeURIComponent(sent)).map(({ name, value }) => [name, value]), [['cyst', 302]])
  await clean()
})

test('refine: keys during a stroke neither end it nor undo anything; all of it is saved, and undone at once', { skip }, async (t) => {
  const { open, server } = await lab(t)
  const { page, clean } = await open('#/runs/f1/cases/case%2001?panes=axial&slice=z:3&show=none&refine')
  await page.getByLabel('Start from').selectOption('empty')
  await isSaved(page)
  await page.evaluate(() => document.activeElement.blur())
  const box = await page.locator('.surface canvas').boundingBox()
  const to = (dx) => page.mouse.move(box.x + box.width / 2 + dx, box.y + box.height / 2 - 60, { steps: 4 })
  await to(-100)
  await page.mouse.down()
  await to(-40)
  await page.keyboard.press('Space')
  await to(20)
  await page.keyboard.press('Control+z')
  await page.keyboard.press('Control+y')
  await to(100)
  await page.mouse.up()
  const bar = () => new Set(saved(server, 'f1/case 01').data.flatMap((value, i) => (value === 1 && point(i)[2] === 3 ? [point(i)[0]] : [])))
  await page.waitForFunction(() => document.querySelector('.save').textContent === 'Not saved yet')
  await isSaved(page)
  const painted = [...bar()].sort((a, b) => a - b)
  assert.ok(painted.length > 12, `the stroke is wide: ${painted}`)
  assert.equal(painted.at(-1) - painted[0] + 1, painted.length, `the stroke has no gap: ${painted}`)
  const whole = saved(server, 'f1/case 01').data
  const screen = await page.locator('.panel tbody tr', { hasText: 'liver' }).locator('td').nth(3).textContent()
  assert.ok(Math.abs(Number(screen) - whole.filter((value) => value === 1).length * 0.036) < 0.1, 'what is seen was saved')
  await page.keyboard.press('Control+z')
  await page.waitForFunction(() => document.querySelector('.save').textContent === 'Not saved yet')
  await isSaved(page)
  assert.ok(saved(server, 'f1/case 01').data.every((value) => value === 0), 'one step back is before the stroke')
  await clean()
})
