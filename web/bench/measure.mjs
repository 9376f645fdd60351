// How long the page takes with the program: first page, a large CT, a segmentation against the command line. Prints a table.
// SEGSPEC, SEGSPEC_PAGE_WORK and CHROMIUM as in test/real/lab.mjs.

import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { launch, open } from '../test/browser/chromium.mjs'
import { runFolder, segspec, serve, skip, workspace } from '../test/real/lab.mjs'

const TIMES = 5
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const seconds = (values) => `${(median(values) / 1000).toFixed(2)} s (${values.map((value) => (value / 1000).toFixed(2)).join(', ')})`

/** A CT of noise and ellipsoids, as NIfTI with 16-bit voxels. */
function ct([nx, ny, nz]) {
  const file = Buffer.alloc(352 + 2 * nx * ny * nz)
  file.writeInt32LE(348, 0)
  ;[3, nx, ny, nz, 1, 1, 1, 1].forEach((n, i) => file.writeInt16LE(n, 40 + 2 * i))
  file.writeInt16LE(4, 70)
  file.writeInt16LE(16, 72)
  ;[1, 0.8, 0.8, 1.5].forEach((mm, i) => file.writeFloatLE(mm, 76 + 4 * i))
  file.writeFloatLE(352, 108)
  file.writeFloatLE(1, 112)
  file.writeUInt8(2, 123)
  file.writeInt16LE(1, 254)
  ;[-0.8, 0, 0, 0.4 * nx, 0, -0.8, 0, 0.4 * ny, 0, 0, 1.5, 0].forEach((v, i) => file.writeFloatLE(v, 280 + 4 * i))
  file.write('n+1\0', 344, 'latin1')
  const voxels = new Int16Array(file.buffer, file.byteOffset + 352, nx * ny * nz)
  let random = 1
  for (let z = 0, at = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, at++) {
        random = (Math.imul(random, 1664525) + 1013904223) | 0
        const [dx, dy, dz] = [(x - nx / 2) / (0.42 * nx), (y - ny / 2) / (0.3 * ny), (z - nz / 2) / (0.7 * nz)]
        const [ex, ey, ez] = [(x - 0.35 * nx) / (0.15 * nx), (y - 0.5 * ny) / (0.14 * ny), (z - 0.6 * nz) / (0.2 * nz)]
        const inside = dx * dx + dy * dy + dz * dz < 1
        voxels[at] = inside ? (ex * ex + ey * ey + ez * ez < 1 ? 110 : 40) + (random >> 27) : -1000 + ((random >>> 30) & 3)
      }
    }
  }
  return file
}

/** Time from the address to the drawn page, each time in a new browser profile. */
async function first(server, browser) {
  const times = []
  for (let i = 0; i < TIMES; i++) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 760 } })
    const page = await context.newPage()
    const begun = performance.now()
    await page.goto(server.link)
    await page.waitForFunction(() => document.body?.dataset.ready !== undefined && document.querySelector('table'), null, { polling: 10 })
    times.push(performance.now() - begun)
    await context.close()
  }
  return times
}

/** Time from a click on the image to drawn slices: the first is read and converted, later ones are kept by the server. */
async function large(server, browser, where) {
  const times = []
  for (let i = 0; i < 3; i++) {
    const { page } = await open(server, browser, '#/runs')
    const begun = performance.now()
    await page.evaluate((hash) => { delete document.body.dataset.ready; location.hash = hash }, `#/files/view?path=${encodeURIComponent(where)}&panes=axial`)
    await page.waitForFunction(() => document.body.dataset.ready !== undefined && document.querySelector('.world'), null, { polling: 20, timeout: 120_000 })
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
    times.push(performance.now() - begun)
    await page.context().close()
  }
  return times
}

async function job(server, run, where) {
  const begun = performance.now()
  const { id } = await (await server.ask('/api/jobs', { method: 'POST', body: JSON.stringify({ run, path: where }) })).json()
  const events = await server.ask(`/api/jobs/${id}/events`)
  const text = await events.text()
  const time = performance.now() - begun
  if (!text.includes('"state":"done"')) throw new Error(text.slice(-400))
  await server.ask(`/api/jobs/${id}`, { method: 'DELETE' })
  return time
}

async function main() {
  if (skip) return console.log(`skipped: ${skip}`)
  const folder = await workspace()
  const data = path.join(folder, 'data')
  mkdirSync(path.join(data, 'bench'))
  writeFileSync(path.join(data, 'bench/ct.nii.gz'), gzipSync(ct([512, 512, 300]), { level: 6 }))
  writeFileSync(path.join(data, 'bench/medium.nii.gz'), gzipSync(ct([256, 256, 120]), { level: 6 }))
  const server = await serve(folder, ['--root', data])
  const browser = await launch()
  try {
    console.log(`first page usable: ${seconds(await first(server, browser))}`)
    console.log(`CT of 512 × 512 × 300, ${(statSync(path.join(data, 'bench/ct.nii.gz')).size / 1e6).toFixed(0)} MB, to drawn slices (first, then kept): ${seconds(await large(server, browser, 'bench/ct.nii.gz'))}`)
    const run = await server.idOf('phantom')
    const [page, command] = [[], []]
    for (let i = 0; i < TIMES; i++) {
      page.push(await job(server, run, 'bench/medium.nii.gz'))
      const begun = performance.now()
      await segspec(folder, 'predict', runFolder(folder, 'phantom'), '--input', path.join(data, 'bench/medium.nii.gz'), '--output', path.join(folder, `out${i}`))
      command.push(performance.now() - begun)
    }
    console.log(`segmentation of 256 × 256 × 120 from the page: ${seconds(page)}; segspec predict: ${seconds(command)}; ratio ${(median(page) / median(command)).toFixed(2)}`)
    const dist = fileURLToPath(new URL('../dist/assets/', import.meta.url))
    for (const name of readdirSync(dist).sort()) console.log(`${name}: ${(statSync(dist + name).size / 1000).toFixed(0)} kB`)
  } finally {
    await browser.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
