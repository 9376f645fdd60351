// Runs of the mock server: one in training, whose curves grow while one looks, finished ones, one that failed.

import { dice, file, image, NAMES, OTHERS, STRUCTURES, volumes, worst } from './volumes.mjs'

/** Cases of the finished run, with their grids; names with a blank must survive their way through addresses. */
export const CASES = { 'case 01': 'straight', 'case 02': 'oblique', overlap: 'straight', gone: 'straight' }

const base = { task: 'segment', 'structure-names': STRUCTURES.map(({ name }) => name), failure: null, started: '2026-11-28T09:15:00Z', 'can-segment': false, dice: null, epochs: null }

export function createRuns() {
  const runs = [
    { ...base, id: 'f1', prediction: 'p1', experiment: 'abdomen', name: 'seed 1, fold 0', kind: 'training', state: 'finished', epochs: { done: 12, of: 12 }, dice: 0.847, 'can-segment': true },
    { ...base, id: 'a2', experiment: 'abdomen', name: 'seed 1, fold 1', kind: 'training', state: 'running', epochs: { done: 4, of: 40 } },
    { ...base, id: 'b3', experiment: 'abdomen', name: 'seed 1, fold 2', kind: 'training', state: 'failed', failure: 'the loss became NaN in epoch 3; try a smaller learning rate', epochs: { done: 2, of: 40 } },
    { ...base, id: 'c4', experiment: 'abdomen', name: 'seed 1, fold 3', kind: 'training', state: 'resumable', epochs: { done: 17, of: 40 } },
    { ...base, id: 'e5', experiment: 'abdomen', name: 'mean of 4 folds', kind: 'ensemble', state: 'new', started: null },
    { ...base, id: 'n6', experiment: 'hippocampus', name: 'nnU-Net, fold 0', kind: 'imported', state: 'imported', 'can-segment': true },
  ]
  runs.forEach((run) => { run.folder = `runs/${run.experiment}/${run.id}` })
  return new Map(runs.map((run) => [run.id, { ...run, log: [], listeners: new Set() }]))
}

const loss = (epoch) => Math.round(1e4 * (1.1 * Math.exp(-epoch / 9) + 0.18 + 0.02 * Math.sin(epoch * 1.7))) / 1e4
const score = (epoch) => (epoch % 2 === 0 ? Math.round(1e4 * (0.88 - 0.7 * Math.exp(-epoch / 7))) / 1e4 : null)

export function line(run, event) {
  run.log.push(JSON.stringify({ run: run.id, time: new Date().toISOString().replace(/\.\d+/, ''), ...event }))
  for (const listener of run.listeners) listener()
}

const epochLine = (run, epoch) => {
  const d = score(epoch)
  line(run, { event: 'epoch', epoch, step: epoch * 50, loss: loss(epoch), learning_rate: 0.01, seconds: 1, validation: d === null ? null : { dice: [d, d - 0.05, null], iou: [d * 0.8, d * 0.7, null] }, best: d !== null })
}

export function fillLogs(runs) {
  for (const run of runs.values()) {
    if (!run.epochs) continue
    line(run, { event: 'run', label: run.name, folder: run.folder, structures: STRUCTURES.map((s) => s.name), number: 1, of: 4 })
    line(run, { event: 'training', parameters: 1_400_000, epochs: run.epochs.of, 'steps-per-epoch': 50, 'resumed-at-step': 0 })
    for (let epoch = 1; epoch <= run.epochs.done; epoch++) epochLine(run, epoch)
    if (run.failure) line(run, { event: 'ended', label: run.name, outcome: { state: 'failed', class: 'trial', reason: run.failure } })
    if (run.state === 'finished') line(run, { event: 'finished', dice: run.dice })
  }
}

/** Lets the running training go on by one epoch; it begins again when it is done, so that there is always something to see. */
export function train(runs) {
  for (const run of runs.values()) {
    if (run.state !== 'running') continue
    if (run.epochs.done >= run.epochs.of) {
      run.state = 'finished'
      run.dice = 0.86
      line(run, { event: 'finished', dice: run.dice })
      continue
    }
    epochLine(run, ++run.epochs.done)
  }
}

/** What `GET /api/runs` shows of a run. */
/** `late`: what comes after the last line of its log is not there yet; `elsewhere`: another process trains it. */
export const summary = ({ log, listeners, late, elsewhere, prediction, ...run }) => run

export const reportsOf = (experiment) => (experiment === 'abdomen' ? ['report', 'ranking'].map((page) => ({ page, url: `/report/key-${experiment}/${page}.html` })) : [])

export function details(run) {
  const epochs = Array.from({ length: run.epochs?.done ?? 0 }, (_, i) => i + 1)
  const isScored = run.state === 'finished' && !run.late
  const cases = run.state === 'finished' ? Object.entries(CASES) : []
  return {
    ...summary(run),
    description: run.experiment === 'abdomen' ? 'Liver, kidney and spleen of a synthetic abdominal CT set' : 'Imported from nnU-Net',
    structures: STRUCTURES,
    channels: ['CT'],
    history: { epoch: epochs, loss: epochs.map(loss), 'validation-dice': epochs.map(score), 'validation-iou': epochs.map((e) => (score(e) === null ? null : score(e) * 0.8)) },
    cases: cases.map(([name, kind]) => {
      const scores = dice(kind)
      return { name, role: 'test', predicted: isScored, dice: !isScored ? null : Object.values(scores).reduce((sum, s) => sum + s.dice, 0) / STRUCTURES.length, scores: isScored ? scores : {} }
    }),
    report: isScored ? `/api/runs/${run.id}/report/report.html` : null,
    'experiment-reports': reportsOf(run.experiment),
    'can-stop': run.state === 'running' && !run.elsewhere,
    settings: run.experiment === 'hippocampus' ? [] : [{ key: 'model.unet.features', value: '[8, 16, 32, 64]' }, { key: 'train.learning-rate', value: '0.01' }],
  }
}

/** Files of the labels of a case, in every format. */
export const filesOf = (run, name, of) =>
  ['nii.gz', 'nrrd', 'seg.nrrd'].map((format) => ({ format, url: `/api/runs/${run.id}/cases/${encodeURIComponent(name)}/files/${format}?of=${of}` }))

export function caseOf(run, name, correction, added = []) {
  const kind = CASES[name]
  const at = (what) => `/api/runs/${run.id}/cases/${encodeURIComponent(name)}/${what}`
  const labels = (what) => ({ ...image(what, at(what)), masks: name === 'overlap' ? STRUCTURES.length : null })
  const gone = name === 'gone'
  const names = Object.keys(CASES)
  const position = names.indexOf(name)
  return {
    case: name,
    images: gone ? [] : [image('CT', at('image'), 'ct')],
    downloads: filesOf(run, name, 'prediction'),
    problem: gone ? 'the images are not where the plan says' : null,
    reference: gone ? null : labels('reference'),
    prediction: { ...labels('prediction'), ...(run.prediction && { id: run.prediction }) },
    probabilities: [{ structure: 'liver', ...image('probability of liver', at('probability')) }],
    'takes-clicks': run.id === 'f1' && !gone,
    structures: [...STRUCTURES, ...added.map((each) => ({ ...each, values: [each.value], added: true }))],
    'other-structures': name === 'overlap' ? [] : OTHERS,
    'ignored-value': null,
    'taken-values': [0, 1, 2, 5, 300],
    'taken-names': NAMES,
    volumes: { reference: volumes(kind, 'reference'), prediction: volumes(kind, 'prediction') },
    scores: dice(kind),
    worst: worst(kind),
    next: names[position + 1] ?? null,
    previous: names[position - 1] ?? null,
    correction,
  }
}

export const caseFile = (name, what, mask) => file(CASES[name], what, mask)
