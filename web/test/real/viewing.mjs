// What tests do with the viewer, and read from it.

import assert from 'node:assert/strict'

/** What the panel says about the voxel at the crosshair: file indices, position in mm, value of the image. */
export const readout = (page) => page.evaluate(() => {
  const fields = [...document.querySelectorAll('.panel .field')]
  if (!fields.length) throw new Error(`no panel, but: ${document.querySelector('main').textContent}`)
  return {
    file: ['x', 'y', 'z'].map((axis) => fields.find((each) => each.textContent.includes(`slice (${axis})`)).querySelector('input').valueAsNumber),
    world: document.querySelector('.world').textContent.match(/-?[\d.]+/g).slice(0, 3).map(Number),
    value: Number(document.querySelector('.value').textContent.match(/-?[\d.]+/)[0]),
  }
})

export async function look(page, ...where) {
  await page.mouse.click(...where)
  await page.waitForTimeout(150)
  return readout(page)
}

export async function stroke(page, from, to) {
  await page.mouse.move(...from)
  await page.mouse.down()
  await page.mouse.move(...to, { steps: 8 })
  await page.mouse.up()
}

/** Waits until what was drawn is saved. */
export async function saved(page) {
  await page.waitForFunction(() => document.querySelector('.save')?.textContent.startsWith('Saved'), null, { timeout: 20_000 })
}

/** Waits until a change is noticed, then until it is saved. */
export async function drawnAndSaved(page, act) {
  await act()
  await page.waitForFunction(() => !document.querySelector('.save')?.textContent.startsWith('Saved'), null, { timeout: 5000 })
  await saved(page)
}

export const gap = (a, b) => Math.hypot(...a.map((v, axis) => v - b[axis]))

/** Position of a voxel [x, y, z] by a matrix of four rows. */
export const world = (m, [x, y, z]) => [0, 1, 2].map((r) => m[r][0] * x + m[r][1] * y + m[r][2] * z + m[r][3])

/** Distance from a point to a line between two points. */
export function near(p, a, b) {
  const length = gap(a, b)
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, a.reduce((sum, v, k) => sum + (p[k] - v) * (b[k] - v), 0) / length ** 2))
  return gap(p, a.map((v, k) => v + t * (b[k] - v)))
}

/** The axis of the file across the slice in which a stroke was drawn. */
export function axisOf(changed, from, to) {
  const axis = [0, 1, 2].find((each) => from.file[each] === to.file[each] && changed.every((voxel) => voxel.at[each] === from.file[each]))
  assert.notEqual(axis, undefined, 'the stroke lies in one slice')
  return axis
}

/** The changed voxels are exactly those of one slice within the radius of the line; the pointer was somewhere in the voxels at its ends. */
export function checkStroke(changed, { from, to, radius, axis, matrix, size, value, isFree = () => true }) {
  const [a, b] = [world(matrix, from), world(matrix, to)]
  const slack = Math.max(...[0, 1, 2].map((k) => Math.hypot(...[0, 1, 2].map((r) => matrix[r][k])))) * 0.75
  const painted = new Set(changed.map(({ at }) => at.join()))
  for (const { at, new: now, world: place } of changed) {
    assert.equal(now, value, `${at} has the value of the structure`)
    assert.equal(at[axis], from[axis], `${at} lies in the slice`)
    assert.ok(gap(place, world(matrix, at)) < 0.01, 'positions agree')
    assert.ok(near(place, a, b) <= radius + slack, `${at} lies ${near(place, a, b)} mm from the line`)
  }
  const [u, v] = [0, 1, 2].filter((each) => each !== axis)
  let expected = 0
  for (let i = 0; i < size[u]; i++) {
    for (let j = 0; j < size[v]; j++) {
      const at = [0, 0, 0]
      at[axis] = from[axis]
      at[u] = i
      at[v] = j
      if (near(world(matrix, at), a, b) > radius - slack || !isFree(at)) continue
      expected++
      assert.ok(painted.has(at.join()), `${at} is missing, ${near(world(matrix, at), a, b)} mm from the line`)
    }
  }
  assert.ok(expected > 5, `${expected} voxels surely lie within the stroke`)
}

/** Colours of the phantom's structures over grey or alone. */
export const isLiver = (r, g, b) => r > 90 && r > 1.45 * g && g >= b - 12 && r > 1.5 * b
