// A server without segspec that answers as docs/serve-api.md says, for work on the page and its tests: `npm run mock`, then `npm run dev`
// or, after `npm run build`, the printed link. Nothing here computes anything; the volumes are ellipsoids.

import { createReadStream, existsSync, statSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { accepted } from './added.mjs'
import { archive } from './archive.mjs'
import { clicks } from './clicks.mjs'
import { createJobs } from './jobs.mjs'
import { glb } from './glb.mjs'
import { caseFile, caseOf, CASES, createRuns, details, filesOf, fillLogs, line, reportsOf, summary, train } from './runs.mjs'
import { seen, versioned } from './versions.mjs'
import { lasting } from './waiting.mjs'
import { file, image, STRUCTURES } from './volumes.mjs'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const CSP = "default-src 'self'; img-src 'self' blob: data:; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; frame-ancestors 'none'"
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }

class Refused extends Error {
  constructor(status, message, help = null, more = {}) {
    super(message)
    Object.assign(this, { status, help, more })
  }
}

const missing = (what) => new Refused(404, `there is no ${what}`)

// A slow network: tests must hold with it, or they see states that pass.
const DELAY_MS = Number(process.env.MOCK_DELAY_MS ?? 0)

/** Starts a server on a free port (or `port`). `epochMs`: how fast the training goes on; `pacs`: whether it knows an archive. */
export async function start({ port = 0, token = 'mock', allowRun = true, epochMs = 700, pacs = false } = {}) {
  const state = { runs: createRuns(), corrections: new Map(), requests: [], allowRun, token, pacs, sent: [], sessions: new Map(), lastSession: 0, clicked: [], clickMs: 150, clickError: null }
  state.jobs = createJobs(state)
  fillLogs(state.runs)
  const server = http.createServer((request, response) => {
    answer(state, request, response).catch((error) => {
      if (!(error instanceof Refused)) console.error(error)
      if (response.headersSent) return response.end()
      send(response, { error: error.message, help: error.help ?? null, ...error.more }, error.status ?? 500)
    })
  })
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready))
  const ticking = setInterval(() => train(state.runs), epochMs)
  const url = `http://127.0.0.1:${server.address().port}`
  const close = () => {
    clearInterval(ticking)
    server.closeAllConnections()
    return new Promise((done) => server.close(done))
  }
  return { url, link: `${url}/?token=${token}`, state, close }
}

function send(response, body, status = 200, type = 'application/json') {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(type === 'application/json' ? JSON.stringify(body) : body)
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store' })
  response.end(bytes)
}

async function answer(state, request, response) {
  const url = new URL(request.url, 'http://127.0.0.1')
  response.setHeader('content-security-policy', CSP)
  response.setHeader('x-content-type-options', 'nosniff')
  state.requests.push(`${request.method} ${url.pathname}`)
  if (url.pathname === '/' && url.searchParams.get('token') === state.token) {
    response.writeHead(303, { location: '/', 'set-cookie': `segspec-token=${state.token}; HttpOnly; SameSite=Strict; Path=/` })
    return response.end()
  }
  guard(state, request)
  if (!url.pathname.startsWith('/api/')) return asset(url.pathname, response)
  if (DELAY_MS) await new Promise((go) => setTimeout(go, DELAY_MS))
  if (response.destroyed) return
  const parts = url.pathname.slice('/api/'.length).split('/').map(decodeURIComponent)
  return api(state, parts, { request, response, query: url.searchParams, send: (...all) => send(response, ...all) })
}

function guard(state, request) {
  const allowed = (request.headers.cookie ?? '').includes(`segspec-token=${state.token}`) || request.headers.authorization === `Bearer ${state.token}`
  if (!allowed) throw new Refused(401, 'open the link that the server printed', 'it ends with ?token=…')
  const { origin, host } = request.headers
  if (origin && origin !== `http://${host}`) throw new Refused(403, 'the request comes from another page')
  if (request.method !== 'GET' && !origin && request.headers['sec-fetch-site'] !== 'same-origin' && !request.headers.authorization) throw new Refused(403, 'the request does not say where it comes from')
}

function asset(pathname, response) {
  const name = pathname === '/' ? 'index.html' : pathname.slice(1)
  const own = path.join(DIST, path.normalize(name))
  if (!own.startsWith(DIST) || !existsSync(own) || !statSync(own).isFile()) throw missing(`page ${pathname}`)
  response.writeHead(200, { 'content-type': TYPES[path.extname(own)] ?? 'application/octet-stream' })
  createReadStream(own).pipe(response)
}

async function api(state, [first, ...rest], call) {
  if (first === 'about') {
    return call.send({
      version: '0.1.0-mock', 'allow-run': state.allowRun, 'upload-limit-bytes': 50_000_000, 'keep-uploads-minutes': 60,
      research: 'Research use only: not a medical device, not for diagnosis or treatment.', who: 'Mock Reader', pacs: state.pacs, 'new-structures': true,
    })
  }
  if (first === 'runs' && rest.length === 0) return call.send({ experiments: experiments(state.runs), reports: [{ name: 'networks', pages: [{ page: 'report', url: '/report/key-networks/report.html' }] }] })
  if (first === 'runs') return runApi(state, rest, call)
  if (first === 'files') return filesApi(rest, call)
  if (first === 'uploads' || first === 'jobs') return state.jobs.answer([first, ...rest], call, Refused)
  if (first === 'clicks') return clicks(state, rest, call, Refused)
  if (first === 'pacs') return archive(state, rest, call, Refused)
  throw missing(`address /api/${first}`)
}

function experiments(runs) {
  const names = [...new Set([...runs.values()].map((run) => run.experiment))]
  return names.map((name) => ({ name, reports: reportsOf(name), runs: [...runs.values()].filter((run) => run.experiment === name).map(summary) }))
}

async function runApi(state, [id, what, name, detail], call) {
  const run = state.runs.get(id)
  if (!run) throw missing(`run ${id}`)
  if (what === undefined) return call.send(details(run))
  if (what === 'events') return events(run, Number(call.query.get('after') ?? 0), call.response)
  if (what === 'plan') return call.send('[train]\nepochs = 40\n', 200, 'text/plain')
  if (what === 'report') return call.send('<!doctype html><title>report</title><h1>Report</h1>', 200, 'text/html')
  if (what === 'start' || what === 'stop') return startOrStop(state, run, what, call)
  if (what === 'corrections') return call.send([...state.corrections.values()].filter((c) => c.run === id).map(publicCorrection))
  if (what === 'queue' && run.kind !== 'ensemble') throw new Refused(409, 'the run is no ensemble')
  if (what === 'queue') return call.send(Object.keys(CASES).map((each, i) => ({ case: each, disagreement: 0.31 - 0.1 * i, measure: '1 − mean pairwise Dice of the members' })))
  if (what === 'dataset') return call.send({ file: 'datasets/corrected.toml', cases: [...state.corrections.values()].map((c) => c.case) })
  if (what === 'cases' && CASES[name] && run.state === 'finished') return caseApi(state, run, name, detail, call)
  throw missing(what === 'cases' ? `case ${name}` : what)
}

function startOrStop(state, run, what, call) {
  if (!state.allowRun) throw new Refused(403, 'the server does not start runs', 'start it with --allow-run')
  // A training ends after its step.
  if (what === 'stop' && state.stopMs) {
    lasting(() => state.stopMs).then(() => { run.state = 'resumable' })
    return call.send({ state: run.state })
  }
  run.state = what === 'start' ? 'running' : 'resumable'
  run.failure = null
  run.epochs ??= { done: 0, of: 40 }
  if (what === 'stop') line(run, { event: 'ended', label: run.name, outcome: { state: 'stopped' } })
  call.send({ state: run.state })
}

/** Structures that the corrections of a run added, each once; without those of one case. */
function addedTo(state, run, except = null) {
  const all = [...state.corrections.values()].filter((each) => each.run === run && each.case !== except).flatMap((each) => each.structures ?? [])
  return [...new Map(all.map((each) => [each.value, each])).values()]
}

const publicCorrection = ({ run, file: bytes, sent, ...rest }) => rest

async function caseApi(state, run, name, detail, call) {
  const key = `${run.id}/${name}`
  const correction = state.corrections.get(key)
  if (detail === undefined) return call.send(caseOf(run, name, correction ? publicCorrection(correction) : null, addedTo(state, run.id)))
  if (detail === 'meshes') return call.request.url.includes('/meshes/about') ? call.send(MESH_ABOUT) : call.send(meshes(), 200, 'model/gltf-binary')
  if (detail === 'correction' && call.request.method === 'PUT') return correct(state, key, run, name, call)
  if (detail === 'correction' && call.request.method === 'DELETE') {
    if (!correction) throw missing('correction')
    seen(call.request, correction, Refused)
    state.corrections.delete(key)
    call.response.writeHead(204)
    return call.response.end()
  }
  if (detail === 'correction' && correction) return call.send(correction.file, 200, 'application/gzip')
  if (detail === 'files' && call.query.get('of') === 'correction' && correction) return call.send(correction.file, 200, 'application/gzip')
  if (detail === 'files') return call.send(Buffer.from('mock'), 200, 'application/octet-stream')
  const mask = call.query.get('mask')
  if (name === 'overlap' && ['reference', 'prediction'].includes(detail) && mask === null) throw new Refused(400, 'the structures overlap', 'ask for ?mask=0')
  if (['image', 'reference', 'prediction', 'probability'].includes(detail)) return call.send(caseFile(name, detail, mask), 200, 'application/gzip')
  throw missing(detail)
}

async function correct(state, key, run, name, call) {
  if (state.failCorrections) throw new Refused(500, 'the disk is full', 'make room and save again')
  const chunks = []
  for await (const chunk of call.request) chunks.push(chunk)
  const there = state.corrections.get(key)
  seen(call.request, there, Refused)
  if (state.alwaysClash) throw new Refused(409, 'others are faster', null, { clash: true })
  const sent = call.request.headers['segspec-structures'] ?? null
  const [file, base] = [Buffer.concat(chunks), call.request.headers['segspec-base']]
  const named = sent ? JSON.parse(decodeURIComponent(sent)) : []
  const structures = accepted({ file, base, kind: CASES[name], sent: named, others: addedTo(state, run.id, name), earlier: there?.structures ?? [] }, Refused)
  const correction = versioned({
    case: name, who: 'Mock Reader', when: new Date().toISOString(), url: `/api/runs/${run.id}/cases/${encodeURIComponent(name)}/correction`,
    base, prediction: call.request.headers['segspec-prediction'] ?? null, changed: { liver: 12 }, run: run.id, file, structures, sent, downloads: filesOf(run, name, 'correction'),
  })
  state.corrections.set(key, correction)
  call.send(publicCorrection(correction))
}

const BODIES = [
  { centre: [22, -2, 2], radii: [24, 20, 26] },
  { centre: [-26, -18, -6], radii: [9, 9, 16] },
  { centre: [-32, 8, 12], radii: [10, 14, 14] },
]
/** Middle of the grid of `straight` in mm: the origin of the surfaces. */
const MIDDLE = [1.5, 1.5, -2]
const meshes = () => glb(BODIES.map((body, i) => ({ ...body, centre: body.centre.map((v, axis) => v - MIDDLE[axis]), ...STRUCTURES[i] })))
/** Column by column: right = −x, anterior = z, superior = y. */
const MESH_ABOUT = { 'to-world-mm': [-1000, 0, 0, 0, 0, 0, 1000, 0, 0, 1000, 0, 0, ...MIDDLE, 1] }

function events(run, after, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  let sent = after
  const flush = () => {
    while (sent < run.log.length) response.write(`id: ${++sent}\ndata: ${run.log[sent - 1]}\n\n`)
    if (run.state !== 'running') response.end()
  }
  const alive = setInterval(() => response.write(': alive\n\n'), 15_000)
  run.listeners.add(flush)
  response.on('close', () => { run.listeners.delete(flush); clearInterval(alive) })
  flush()
}

function filesApi([what], call) {
  const at = call.query.get('path') ?? ''
  if (what === 'image') return call.send(image(at, `/api/files/voxels?path=${encodeURIComponent(at)}`, 'ct'))
  if (what === 'voxels') return call.send(file('straight', at.includes('label') ? 'reference' : 'image'), 200, 'application/gzip')
  if (at === '') return call.send({ path: '', folders: ['phantom'], files: [{ name: 'scout.nii.gz', kind: 'image' }] })
  if (at === 'phantom') return call.send({ path: at, folders: [], files: [{ name: 'ct_01.nii.gz', kind: 'image' }, { name: 'label_01.nii.gz', kind: 'labels' }] })
  throw missing(`folder ${at}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { link } = await start({ port: Number(process.env.PORT ?? 8787), pacs: true })
  console.log(link)
}
