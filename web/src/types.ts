// What the server sends: docs/serve-api.md, keys as they stand there.

import type { Structure } from './voxel/palette.ts'

export type { Structure }

/** What `GET /api/runs` says. */
export interface RunList {
  experiments: { name: string; runs: Run[]; reports?: ReportPage[] }[]
  /** Reports on several experiments, by the names of their folders. */
  reports?: { name: string; pages: ReportPage[] }[]
  /** Runs that cannot be read, and why. */
  problems?: string[]
}

/** A page of a report on an experiment, or on several. */
export interface ReportPage {
  page: 'report' | 'ranking'
  url: string
}

export interface About {
  version: string
  'allow-run': boolean
  'upload-limit-bytes': number
  'keep-uploads-minutes': number
  research: string
  who: string
  pacs: boolean
  /** Whether corrections may hold structures that the run does not know: header `segspec-structures`. */
  'new-structures'?: boolean
}

export type State = 'new' | 'running' | 'resumable' | 'trained' | 'predicted' | 'failed' | 'imported' | 'finished'

export interface Run {
  id: string
  experiment: string
  name: string
  kind: 'training' | 'ensemble' | 'imported'
  task: 'segment' | 'classify-slices'
  state: State
  failure: string | null
  epochs: { done: number; of: number } | null
  dice: number | null
  started: string | null
  folder: string
  'can-segment': boolean
  /** What its network finds. */
  'structure-names'?: string[]
  /** Modality of the images that it learned from: ct, mr, … */
  modality?: string | null
}

/** A dataset with the corrected labels of a run. */
export interface NewDataset {
  file: string
  cases: string[]
  'left-out'?: string[]
  added?: string[]
  /** Structures that its labels do not tell apart, list by list. */
  inseparable?: string[][]
  /** Cases that train now and did not train the run. */
  moved?: string[]
  /** Test cases that are left. */
  test?: number
  /** Whether the run's experiment states a split, which goes before that of the dataset. */
  'own-split'?: boolean
  'cross-validation'?: boolean
}

export interface Scores {
  dice: number | null
  iou?: number | null
  hd95: number | null
  /** Unit of distances, null where there is none; left out by servers that do not tell it. */
  unit?: 'mm' | 'voxel' | null
}

export interface CaseRow {
  name: string
  role: string
  predicted: boolean
  dice: number | null
  scores: Record<string, Scores>
}

export interface RunDetails extends Run {
  description: string
  structures: Structure[]
  channels: string[]
  history: Curves
  cases: CaseRow[]
  report: string | null
  'experiment-reports'?: ReportPage[]
  /** Whether this server started it, and can stop it. */
  'can-stop'?: boolean
  settings: { key: string; value: string }[]
}

export interface Curves {
  epoch: number[]
  loss: (number | null)[]
  'validation-dice': (number | null)[]
  'validation-iou': (number | null)[]
}

export interface Image {
  name: string
  url: string
  shape: [number, number, number]
  spacing: [number, number, number]
  orientation: string
  /** False where the file states no spacing: lengths are then in voxels. */
  'has-spacing'?: boolean
  channels: number
  modality: string | null
  /** Labels whose structures overlap: number of masks, in the order of the structures, each with its own file at `?mask=N`. */
  masks?: number | null
}

export interface Download {
  format: string
  url: string
}

/** What a correction is drawn upon. */
export interface Upon {
  base: 'prediction' | 'reference' | 'empty'
  /** The prediction, where that is the base and it is known which one it was. */
  prediction: string | null
}

export interface Correction {
  case: string
  who: string
  when: string
  /** What it was drawn upon. */
  base?: Upon['base']
  url: string
  /** Of the labels of a job, in every format. */
  downloads?: Download[]
  /** Where a request sends them to the archive. */
  send?: string | null
  changed: Record<string, number>
  /** The prediction that it was drawn upon, where that is its base. */
  prediction?: string | null
  /** Structures in it that the run does not have. */
  structures?: { name: string; value: number; color: string }[]
  /** What names this very correction: nobody's work is replaced unseen. */
  version: string
}

/** Labels as a network predicted them. */
export interface Prediction extends Image {
  /** What tells them from those of another prediction of the same case. */
  id?: string | null
}

export interface Case {
  case: string
  images: Image[]
  reference: Image | null
  prediction: Prediction | null
  probabilities: (Image & { structure: string })[]
  /** Whether the run can make probability maps of the case. */
  'can-segment'?: boolean
  /** Whether its network takes clicks. */
  'takes-clicks'?: boolean
  structures: Structure[]
  /** Structures of the dataset that the run does not segment. */
  'other-structures'?: { name: string; value: number }[]
  /** Value of reference voxels that count for nothing. */
  'ignored-value'?: number | null
  /** Values that a new structure cannot have. */
  'taken-values'?: number[]
  /** Names that it cannot have although no structure here has them: parts of merged structures, background of the dataset. */
  'taken-names'?: string[]
  volumes: { reference?: Record<string, number>; prediction?: Record<string, number> }
  scores: Record<string, Scores>
  worst: { axis: 'x' | 'y' | 'z'; slice: number; errors: number } | null
  next: string | null
  previous: string | null
  /** The prediction, in every format. */
  downloads?: Download[]
  /** Why image and reference cannot be shown. */
  problem?: string | null
  /** Why the corrections of the run cannot be read. */
  'corrections-problem'?: string | null
  correction: Correction | null
}

/** A click as the server takes it. */
export interface Click {
  structure: string
  /** World position [x, y, z] in mm (RAS+). */
  'at-mm': [number, number, number]
  /** Whether the structure is there; else background is. */
  positive: boolean
}

export interface Listing {
  path: string
  folders: string[]
  files: { name: string; kind: 'image' | 'labels' | 'series' }[]
  /** Entries beyond the most that are listed. */
  'left-out'?: number
}

export interface Series {
  id: string
  name: string
  slices: number
  modality: string | null
  /** Its file in the upload, or the folder of its slices. */
  file?: string | null
  patient?: string | null
  /** Of the series within its study. */
  number?: string | null
  'looks-like-labels'?: boolean
  image: Image
}

export interface Upload {
  /** What was sent: a file, a folder, a zip archive; where the server tells it. */
  name?: string | null
  state: 'fetching' | 'reading' | 'ready' | 'refused'
  /** What has come from the archive so far, while it is being fetched. */
  fetched?: { objects: number; bytes: number } | null
  error: string | null
  series: Series[]
  problems?: string[]
  expires: string
}

/** An upload in the list of those that the server keeps. */
export interface Sent extends Upload {
  upload: string
  anonymous: boolean
  bytes: number
}

/** What studies are looked for in the archive; what is empty decides nothing. */
export interface StudyQuery {
  'patient-id': string
  'patient-name': string
  date: string
  modality: string
}

export interface Study {
  uid: string
  'patient-id': string
  'patient-name': string
  /** YYYYMMDD */
  date: string
  description: string
  accession: string
  modalities: string[]
  series: number | null
}

export interface StudySeries {
  uid: string
  number: number | null
  modality: string
  description: string
  instances: number | null
}

/** What became of objects that were sent to the archive. */
export interface Stored {
  stored: string[]
  refused: { uid: string; code: string; reason: string }[]
}

export interface Result {
  images: Image[]
  prediction: Prediction
  structures: Structure[]
  volumes: Record<string, number>
  downloads: Download[]
  /** Where a request sends the result to the archive. */
  send?: string | null
  meshes: string
  probabilities?: Case['probabilities']
  'taken-values'?: number[]
  'taken-names'?: string[]
  'takes-clicks'?: boolean
}

export interface Job {
  id: string
  network: { run: string; experiment: string; name: string }
  image: { from: 'upload' | 'file' | 'case'; name: string; file: string | null; patient: string | null; upload: string | null }
  /** Whether probability maps were asked for; of a case, they are all that is wanted. */
  probabilities: boolean
  created: string
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled'
  position: number
  progress: number
  step: 'prepare' | 'network' | 'restore'
  error: string | null
  seconds: number
  result: Result | null
  correction?: Correction | null
}

export interface Queued {
  case: string
  disagreement: number
  measure: string
}
