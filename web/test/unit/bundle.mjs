// Parts of the page that no build of their own exists for, as a module for tests.

import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** @param file below `src` */
export async function bundled(file) {
  const entry = fileURLToPath(new URL(`../../src/${file}`, import.meta.url))
  const lib = { entry, formats: ['es'], fileName: 'part' }
  const made = await build({ configFile: false, logLevel: 'silent', build: { write: false, minify: false, target: 'es2022', lib } })
  return import(`data:text/javascript,${encodeURIComponent([made].flat()[0].output[0].code)}`)
}
