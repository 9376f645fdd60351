// Uploads and jobs of the mock server. An upload with a file called `broken…` is refused; a job takes about a second.

import { needed } from './archive.mjs'
import { glb } from './glb.mjs'
import { seen, versioned } from './versions.mjs'
import { file, image, STRUCTURES, volumes } from './volumes.mjs'
import { lasting } from './waiting.mjs'

const STEP_MS = 120
const OBJECT_MS = 20
const MOST_UPLOADS = 16

export function createJobs(state) {
  const uploads = new Map()
  const jobs = new Map()
  let last = 0

  async function answer([kind, id, what], call, Refused) {
    const { method } = call.request
    if (kind === 'uploads' && method === 'POST') return upload(call, Refused)
    if (kind === 'uploads') return uploadApi(id, method, call, Refused)
    if (id === undefined) return method === 'POST' ? startJob(call, Refused) : call.send([...jobs.values()].map(shown))
    if (what === 'pacs' && method === 'POST') needed(state, Refused)
    const job = jobs.get(id)
    if (!job) throw new Refused(404, `there is no job ${id}`)
    if (what === undefined && method === 'DELETE') return cancel(job, call)
    if (what === undefined) return call.send(shown(job))
    if (what === 'pacs') return store(job, call, Refused)
    if (what === 'events') return events(job, call.response)
    if (what === 'correction' && method === 'PUT') return correct(job, call, Refused)
    if (what === 'correction') return call.send(state.corrections.get(`job/${job.id}`).file, 200, 'application/gzip')
    if (what === 'meshes') return call.send(glb([{ ...STRUCTURES[0], centre: [22, -2, 2], radii: [24, 20, 26] }]), 200, 'model/gltf-binary')
    if (what === 'files' && call.query.get('of') === 'correction') return call.send(state.corrections.get(`job/${job.id}`).file, 200, 'application/gzip')
    if (what === 'image' || what === 'prediction') return call.send(file('straight', what), 200, 'application/gzip')
    call.response.setHeader('content-disposition', `attachment; filename="${job.image.patient ?? ''}-Abdomen_1.0-segmentation.${call.request.url.split('/').pop()}"`)
    return call.send(Buffer.from('mock'), 200, 'application/octet-stream')
  }

  async function upload(call, Refused) {
    const body = Buffer.concat(await all(call.request)).toString('latin1')
    const names = [...body.matchAll(/filename="([^"]*)"/g)].map((match) => Buffer.from(match[1], 'latin1').toString('utf8'))
    if (names.length === 0) throw new Refused(400, 'the upload holds no file', 'choose a folder, a zip, or an image')
    call.send({ upload: keep({ names, bytes: body.length, anonymous: call.query.get('anonymous') === 'true' }, Refused) }, 202)
  }

  function keep(upload, Refused) {
    if (uploads.size >= MOST_UPLOADS) throw new Refused(429, `there are ${uploads.size} uploads already`, 'remove one, or wait until one that nobody uses is removed')
    const id = String(++last)
    uploads.set(id, { since: Date.now(), ...upload })
    return id
  }

  /** An upload that comes from the archive: an object every `state.objectMs`. */
  const fetched = (series, anonymous, Refused) => keep({ names: [series ? 'series' : 'broken'], series, anonymous, bytes: 0 }, Refused)

  function store(job, call, Refused) {
    if (job.anonymous) throw new Refused(409, 'the archive does not know the study of an anonymous copy')
    if (job.state !== 'done') throw new Refused(409, 'this job has no result yet')
    state.sent.push(`${job.id} ${call.query.get('of')}`)
    const uid = `1.2.9.${state.sent.length}`
    call.send(state.refuse ? { stored: [], refused: [{ uid, code: '272', reason: 'processing failure' }] } : { stored: [uid], refused: [] })
  }

  function uploadApi(id, method, call, Refused) {
    if (id === undefined) return call.send({ uploads: [...uploads].reverse().map(([id, each]) => described(id, each)) })
    const found = uploads.get(id)
    if (!found) throw new Refused(404, `there is no upload ${id}`)
    if (method === 'DELETE') {
      uploads.delete(id)
      call.response.writeHead(204)
      return call.response.end()
    }
    call.send(described(id, found))
  }

  function described(id, found) {
    const expires = new Date(found.since + 3.6e6).toISOString().replace(/\.\d+/, '')
    const objects = Math.floor((Date.now() - found.since) / (state.objectMs ?? OBJECT_MS))
    const common = { upload: id, bytes: found.series ? 524_288 * (found.series.instances ?? 30) : found.bytes, anonymous: found.anonymous, expires, fetched: null, error: null, series: [], problems: [] }
    if (found.series && objects < (found.series.instances ?? 30)) return { ...common, state: 'fetching', fetched: { objects, bytes: 524_288 * objects } }
    const broken = found.names.find((name) => name.split('/').pop().startsWith('broken'))
    if (broken) return { ...common, state: 'refused', error: `${broken} is not an image that segspec reads` }
    if (Date.now() - found.since < (state.readMs ?? 200)) return { ...common, state: 'reading' }
    // Two patients with the same description and number of slices; a file called `label…` looks like labels.
    const looksLikeLabels = found.names.some((name) => name.includes('label'))
    const series = [['Abdomen 1.0', 'P1', 24], ['Scout', 'P1', 2], ['Abdomen 1.0', 'P2', 24]].map(([name, patient, slices], i) => ({
      id: String(i), name, slices, modality: 'CT', image: image(name, '/api/files/voxels?path=x', 'ct'), 'looks-like-labels': looksLikeLabels,
      ...(found.anonymous ? { file: null, patient: null, number: null } : { file: `${patient}/ct`, patient, number: String(i + 1) }),
    }))
    return { ...common, state: 'ready', series }
  }

  async function startJob(call, Refused) {
    const body = JSON.parse(Buffer.concat(await all(call.request)).toString())
    if (!state.runs.get(body.run)?.['can-segment']) throw new Refused(409, `run ${body.run} has no trained network`, 'choose a finished run')
    if ([...jobs.values()].filter((job) => ['queued', 'running'].includes(job.state)).length >= 2) throw new Refused(429, 'two jobs wait or run already')
    const id = String(++last)
    const run = state.runs.get(body.run)
    const from = body.upload ? 'upload' : body.path ? 'file' : 'case'
    const made = { network: { run: run.id, experiment: run.experiment, name: run.name }, probabilities: body.probabilities ?? false, created: new Date().toISOString() }
    const patient = body.series === '2' ? 'P2' : 'P1'
    const isAnonymous = uploads.get(body.upload)?.anonymous ?? false
    const of = { upload: { name: 'Abdomen 1.0', ...(isAnonymous ? { file: null, patient: null } : { file: `${patient}/ct`, patient }) }, file: { name: 'ct_01', file: body.path, patient: null }, case: { name: body.case, file: null, patient: null } }
    const job = { id, ...made, image: { from, ...of[from], upload: body.upload ?? null }, state: 'queued', position: 1, progress: 0, step: 'prepare', error: null, seconds: 0, result: null, anonymous: isAnonymous, takesClicks: body.run === 'f1', listeners: new Set() }
    jobs.set(id, job)
    call.send(shown(job), 202)
    work(job)
  }

  async function work(job) {
    while (job.state !== 'done' && !job.isGone) {
      await lasting(() => (job.isGone ? 0 : state.stepMs ?? STEP_MS))
      if (!job.isGone) advance(job)
    }
  }

  function advance(job) {
    job.state = 'running'
    job.position = 0
    job.progress = Math.min(1, job.progress + 0.125)
    job.seconds += STEP_MS / 1000
    job.step = job.progress < 0.3 ? 'prepare' : job.progress < 0.9 ? 'network' : 'restore'
    if (job.progress >= 1) {
      job.state = 'done'
      job.result = result(job)
    }
    settle(job)
  }

  function settle(job) {
    for (const listener of job.listeners) listener()
  }

  const files = (id, query = '') => ['nii.gz', 'nrrd', 'seg.nrrd', 'dcm', 'stl', 'glb'].map((format) => ({ format, url: `/api/jobs/${id}/files/${format}${query}` }))

  const result = ({ id, anonymous, takesClicks }) => ({
    images: [{ ...image('CT', `/api/jobs/${id}/image`, 'ct'), 'has-spacing': !state.noSpacing }],
    prediction: image('prediction', `/api/jobs/${id}/prediction`),
    structures: STRUCTURES,
    'takes-clicks': takesClicks,
    volumes: state.noSpacing ? {} : volumes('straight', 'prediction'),
    downloads: files(id),
    send: anonymous ? null : `/api/jobs/${id}/pacs?of=prediction`,
    meshes: `/api/jobs/${id}/meshes?of=prediction`,
  })

  function cancel(job, call) {
    jobs.delete(job.id)
    // Its events end without a word.
    job.isGone = true
    settle(job)
    call.response.writeHead(204)
    call.response.end()
  }

  async function correct(job, call, Refused) {
    const bytes = Buffer.concat(await all(call.request))
    seen(call.request, job.correction, Refused)
    if (state.failCorrections) throw new Refused(500, 'the disk is full', 'make room and save again')
    state.corrections.set(`job/${job.id}`, { case: job.id, file: bytes, base: call.request.headers['segspec-base'], prediction: call.request.headers['segspec-prediction'] ?? null })
    job.correction = versioned({ case: job.id, who: 'Mock Reader', when: new Date().toISOString(), url: `/api/jobs/${job.id}/correction`, base: call.request.headers['segspec-base'], changed: {}, structures: [], downloads: files(job.id, '?of=correction'), send: job.anonymous ? null : `/api/jobs/${job.id}/pacs?of=correction` })
    call.send(job.correction)
  }

  return { answer, fetched }
}

const shown = ({ listeners, ...job }) => job

async function all(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

function events(job, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const tell = () => {
    if (job.isGone) return response.end()
    response.write(`data: ${JSON.stringify(shown(job))}\n\n`)
    if (!['queued', 'running'].includes(job.state)) response.end()
  }
  job.listeners.add(tell)
  response.on('close', () => job.listeners.delete(tell))
  tell()
}
