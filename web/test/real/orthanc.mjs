// A real archive for tests, on this machine only.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SCRIPT = fileURLToPath(new URL('../../../tests/pacs/orthanc.sh', import.meta.url))

/** Starts Orthanc; null, and the test is skipped with the reason, where it is not installed. */
export async function orthanc(test) {
  const folder = mkdtempSync(path.join(tmpdir(), 'segspec-orthanc-'))
  const said = path.join(folder, 'said')
  // Orthanc keeps the script's output open, so that this must be a file.
  const out = openSync(said, 'w')
  const child = spawn(SCRIPT, ['start', folder], { stdio: ['ignore', out, out] })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  const text = readFileSync(said, 'utf8').trim()
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (code === 77) {
    remove()
    test.skip(text)
    return null
  }
  assert.equal(code, 0, text)
  const url = text.split('\n')[0]
  const [user, password] = ['user', 'pass']
  const headers = { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
  /** Asks Orthanc's own interface. */
  const ask = async (place, init = {}) => {
    const answer = await fetch(new URL(`/${place}`, url), { ...init, headers })
    assert.ok(answer.ok, `${place}: ${answer.status}`)
    return answer
  }
  const stop = () => promisify(execFile)(SCRIPT, ['stop', folder])
  test.after(async () => {
    await stop()
    remove()
  })
  return { url, user, password, stop, ask, json: async (place) => (await ask(place)).json(), bytes: async (place) => Buffer.from(await (await ask(place)).arrayBuffer()) }
}
