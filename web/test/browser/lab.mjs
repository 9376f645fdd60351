// The mock server and the built page for tests.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { start } from '../../mock/server.mjs'
import { launch, missing, open } from './chromium.mjs'

export { count, differing, isGrey, pixels, ready, until } from './chromium.mjs'

const BUILT = existsSync(fileURLToPath(new URL('../../dist/index.html', import.meta.url)))

/** Why browser tests cannot run here; false if they can. */
export const skip = missing || (!BUILT && 'the page is not built: npm run build')

/** A browser with the mock server; `after` closes both. */
export async function lab(test, options = {}) {
  const server = await start(options)
  const browser = await launch()
  test.after(async () => {
    await browser.close()
    await server.close()
  })
  return { server, browser, open: (hash, more) => open(server, browser, hash, more) }
}

/** So long that a test ends it itself, by another duration. */
export const HELD = 600_000

/** High probabilities over grey. */
export const isMagenta = (r, g, b) => r > 130 && b > 110 && r > g + 60 && b > g + 60

/** Liver of the mock server, over grey or pure; not the yellow crosshair. */
export const isOrange = (r, g, b) => r > 110 && g > 60 && r - b > 60 && r > 1.22 * g
