// Chromium for tests of the page, and what is in its pictures. Without Chromium such tests are skipped with the reason.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inflateSync } from 'node:zlib'
import { chromium } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const SHOTS = fileURLToPath(new URL('../../shots/', import.meta.url))

/** Why there is no browser here; false if there is one. */
export const missing = existsSync(CHROMIUM) ? false : `there is no ${CHROMIUM}; name a Chromium with CHROMIUM=…`

const FLAGS = [
  '--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-quic',
  '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

export function launch() {
  mkdirSync(SHOTS, { recursive: true })
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS })
}

/** Opens a page of a server by its link. */
export async function open(server, browser, hash, { width = 1100, height = 760, dark = false, script, routes, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', ...more })
  const page = await context.newPage()
  const errors = []
  const foreign = []
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !isNoise(message.text())) errors.push(message.text()) })
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('request', (request) => { if (/^(https?|wss?):/.test(request.url()) && !request.url().startsWith(server.url)) foreign.push(request.url()) })
  if (script) await page.addInitScript(script)
  if (routes) await routes(page)
  await page.goto(server.link)
  // Where only the part behind `#` differs, a browser would keep the page that it has.
  await page.goto('about:blank')
  await page.goto(`${server.url}/${hash}`)
  await ready(page)
  /** To be called at the end of every test. */
  const clean = async () => {
    assert.deepEqual(errors, [], 'the console is clean')
    assert.deepEqual(foreign, [], 'no request leaves the machine')
    // Requests that a test answers itself may still be under way.
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await context.close()
  }
  return { page, errors, clean, shot: (name) => page.screenshot({ path: `${SHOTS}${name}.png` }) }
}

/** The software renderer's own remarks about its speed. */
const isNoise = (text) => /GPU stall due to ReadPixels|Automatic fallback to software WebGL|GroupMarkerNotSet/.test(text)

/** Waits until something holds on the server's side. */
export async function until(holds, what, patience = 20_000) {
  for (const since = Date.now(); !(await holds()); await new Promise((next) => setTimeout(next, 20))) {
    if (Date.now() - since > patience) assert.fail(`not within ${patience / 1000} s: ${what}`)
  }
}

/** Waits until the page of the current address is drawn. */
export const ready = (page) => page.waitForFunction(() => document.body.dataset.ready !== undefined, null, { timeout: 60_000 })

/** Pixels of a PNG as screenshots have it: 8 bits, RGB or RGBA, not interlaced. */
export function pixels(png) {
  let [width, height, channels] = [0, 0, 0]
  const parts = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    const body = png.subarray(at + 8, at + 8 + length)
    const type = png.toString('latin1', at + 4, at + 8)
    if (type === 'IHDR') [width, height, channels] = [body.readUInt32BE(0), body.readUInt32BE(4), body[9] === 6 ? 4 : 3]
    if (type === 'IDAT') parts.push(body)
    at += 12 + length
  }
  const raw = inflateSync(Buffer.concat(parts))
  const stride = width * channels
  const data = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const left = x >= channels ? data[y * stride + x - channels] : 0
      const up = y ? data[(y - 1) * stride + x] : 0
      const corner = x >= channels && y ? data[(y - 1) * stride + x - channels] : 0
      const paeth = () => {
        const p = left + up - corner
        const [a, b, c] = [left, up, corner].map((v) => Math.abs(p - v))
        return a <= b && a <= c ? left : b <= c ? up : corner
      }
      const guess = [0, left, up, (left + up) >> 1][filter] ?? paeth()
      data[y * stride + x] = raw[y * (stride + 1) + 1 + x] + guess
    }
  }
  return { width, height, channels, data }
}

/** Number of pixels of a part of a picture (shares of width and height) that fulfil a condition on red, green, blue. */
export function count({ width, height, channels, data }, wanted, [left, top, right, bottom] = [0, 0, 1, 1]) {
  let n = 0
  for (let y = Math.floor(top * height); y < bottom * height; y++) {
    for (let x = Math.floor(left * width); x < right * width; x++) {
      const at = (y * width + x) * channels
      if (wanted(data[at], data[at + 1], data[at + 2])) n++
    }
  }
  return n
}

/** Share of the pixels of a part that differ between two pictures of one size. */
export function differing(a, b, part) {
  const colors = []
  count(a, (...color) => colors.push(color) === 0, part)
  let at = 0
  return count(b, (...color) => colors[at++].some((value, i) => value !== color[i]), part) / colors.length
}

export const isGrey = (r, g, b) => r > 50 && r < 250 && Math.abs(r - g) < 10 && Math.abs(g - b) < 10
