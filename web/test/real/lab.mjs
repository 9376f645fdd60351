// The real server, with a network that was trained once, for tests of page and server together. What these tests need and do not find
// here (Chromium, the program with its page, Python with SimpleITK and highdicom) is said, and they are skipped.
//
// SEGSPEC: the program, built with `--features serve`. SEGSPEC_PAGE_WORK: folder in which the trained run is kept.
// SEGSPEC_PAGE: a folder with a built page to use in place of the embedded one (for work on the page). SEGSPEC_PYTHON: a Python with SimpleITK.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { launch, missing, open } from '../browser/chromium.mjs'

const run = promisify(execFile)
const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const PROGRAM = process.env.SEGSPEC ?? here('../../../target/release/segspec')
const PYTHON = process.env.SEGSPEC_PYTHON ?? ''
const WORK = process.env.SEGSPEC_PAGE_WORK ?? path.join(tmpdir(), 'segspec-page')
const PAGE = process.env.SEGSPEC_PAGE

export const hasPython = existsSync(PYTHON)

/** Why tests cannot run here; false if they can. */
export const skip = missing
  || (!existsSync(PROGRAM) && `there is no ${PROGRAM}: cargo build --release --features serve, or name it with SEGSPEC=…`)
  || (!hasPython && 'no Python with SimpleITK and highdicom: name one with SEGSPEC_PYTHON=…')

const environment = (folder) => ({ ...process.env, SEGSPEC_DEVICE: 'cpu', SEGSPEC_DATA: path.join(folder, 'data'), SEGSPEC_USER: 'Anna' })

/** Runs the program in a folder. */
export const segspec = (folder, ...args) => run(PROGRAM, args, { cwd: folder, env: environment(folder), maxBuffer: 1 << 26 })

/** What `check.py` says. */
export async function python(...args) {
  const { stdout } = await run(PYTHON, [here('check.py'), ...args.map(String)], { maxBuffer: 1 << 26 })
  return JSON.parse(stdout)
}

const LIVE = `dataset = "phantom-tiny"
structures = ["liver", "spleen"]

[preprocess]
crop = "none"
spacing-mm = "keep"

[[preprocess.intensity]]
window = { range-hu = [-160.0, 240.0] }

[model.unet]
features = [4, 8]
strides = [[1, 1, 1], [2, 2, 2]]
kernels = [[3, 3, 3], [3, 3, 3]]

[train]
patch-size = [16, 16, 16]
batch-size = 2
epochs = 400
steps-per-epoch = 6
validate-every = 1
`

/** A trained run of the phantom, one that was interrupted, and a DICOM series; made once. */
async function prepared() {
  const done = path.join(WORK, 'done')
  if (existsSync(done)) return
  rmSync(WORK, { recursive: true, force: true })
  mkdirSync(path.join(WORK, 'experiments'), { recursive: true })
  cpSync(here('../../../datasets'), path.join(WORK, 'datasets'), { recursive: true })
  cpSync(here('../../../experiments/phantom.toml'), path.join(WORK, 'experiments/phantom.toml'))
  writeFileSync(path.join(WORK, 'experiments/live.toml'), LIVE)
  await segspec(WORK, 'run', 'experiments/phantom.toml', '--set', 'train.epochs=4')
  await segspec(WORK, 'run', 'experiments/live.toml', '--stop-after', '2')
  await segspec(WORK, 'phantom', 'dicom', '--layout', 'dicom-seg', '--cases', '1', '--seed', '5')
  rmSync(path.join(WORK, 'runs/.cache'), { recursive: true, force: true })
  writeFileSync(done, '')
}

/** A copy of the prepared folder, to be removed by the caller. */
export async function workspace() {
  await prepared()
  const folder = mkdtempSync(path.join(tmpdir(), 'segspec-page-test-'))
  cpSync(WORK, folder, { recursive: true })
  return folder
}

/** A copy of the prepared folder with a server on it, and a browser; `after` ends them and removes the copy. */
export async function lab(test, { args = [], env = {}, make = () => undefined } = {}) {
  const folder = await workspace()
  const ends = [() => rmSync(folder, { recursive: true, force: true })]
  test.after(async () => {
    for (const end of ends.reverse()) await end()
  })
  await make(folder)
  const server = await serve(folder, ['--root', path.join(folder, 'data'), ...args], env)
  ends.push(() => server.close())
  const browser = await launch()
  ends.push(() => browser.close())
  return { folder, server, browser, open: (hash, more) => opened(server, browser, hash, more) }
}

export async function opened(server, browser, hash, more) {
  const page = PAGE ? { ...more, routes: local } : more
  return open(server, browser, hash, page)
}

/** Answers requests for the page from a folder, with the headers of the real server. */
async function local(page) {
  await page.route((url) => !url.pathname.startsWith('/api/') && !url.search.includes('token'), async (route) => {
    const { pathname } = new URL(route.request().url())
    const file = path.join(PAGE, pathname === '/' ? 'index.html' : pathname)
    if (!existsSync(file)) return route.continue()
    const { headers } = await page.context().request.get(new URL('/', route.request().url()).href).then((answer) => ({ headers: answer.headers() }))
    const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.md': 'text/plain', '.txt': 'text/plain' }
    return route.fulfill({ body: readFileSync(file), headers: { ...headers, 'content-type': types[path.extname(file)] ?? 'application/octet-stream' } })
  })
}

export async function serve(folder, args, env = {}) {
  const child = spawn(PROGRAM, ['serve', ...args], { cwd: folder, env: { ...environment(folder), SEGSPEC_PACS: '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (data) => { said += data })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const lines = createInterface({ input: child.stdout })
  const link = await Promise.race([
    new Promise((resolve) => lines.once('line', resolve)),
    ended.then((code) => { throw new Error(`segspec serve ended with ${code}: ${said}`) }),
  ])
  const url = link.replace(/\/\?token=.*/, '')
  const token = link.split('token=')[1]
  const ask = async (where, init = {}) => {
    const answer = await fetch(url + where, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } })
    assert.ok(answer.ok, `${where}: ${answer.status} ${await (answer.ok ? '' : answer.text())}`)
    return answer
  }
  const close = async () => {
    child.kill('SIGINT')
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await ended
    clearTimeout(timer)
  }
  /** The id of the run of an experiment. */
  const idOf = async (experiment) => (await (await ask('/api/runs')).json()).experiments.find(({ name }) => name === experiment).runs[0].id
  return { url, link, token, ask, close, idOf, pid: child.pid }
}

/** The folder of the one run of an experiment. */
export function runFolder(folder, experiment) {
  const place = path.join(folder, 'runs', experiment)
  return path.join(place, readdirSync(place).find((name) => /^[0-9a-f]+$/.test(name)))
}

/** Saves an answer of the server to a file. */
export async function save(server, where, file) {
  writeFileSync(file, Buffer.from(await (await server.ask(where)).arrayBuffer()))
  return file
}
