// Client-side routes, kept behind `#` so that the server never sees them: `#/runs/ID/cases/CASE?slice=z:12&show=prediction`.

export type Route =
  | { page: 'runs' }
  | { page: 'run'; run: string }
  | { page: 'case'; source: Source; query: URLSearchParams }
  | { page: 'segment'; job: string | null; upload: string | null }
  | { page: 'files'; path: string }
  | { page: 'vr'; query: URLSearchParams }
  | { page: 'unknown'; path: string }

/** Where a case comes from: a run, a job of the page, or a file below the roots. */
export type Source = { of: 'run'; run: string; name: string } | { of: 'job'; job: string } | { of: 'file'; path: string }

export function parse(hash: string): Route {
  const [path, search = ''] = hash.replace(/^#/, '').split(/\?(.*)/s)
  const query = new URLSearchParams(search)
  const parts = path.split('/').filter(Boolean).map(decode)
  const [first, second, third, fourth] = parts
  if (parts.length === 0 || (first === 'runs' && parts.length === 1)) return { page: 'runs' }
  if (first === 'runs' && parts.length === 2) return { page: 'run', run: second }
  if (first === 'runs' && third === 'cases' && parts.length === 4) return { page: 'case', source: { of: 'run', run: second, name: fourth }, query }
  if (first === 'jobs' && parts.length === 2) return { page: 'case', source: { of: 'job', job: second }, query }
  if (first === 'files' && second === 'view' && parts.length === 2) return { page: 'case', source: { of: 'file', path: query.get('path') ?? '' }, query }
  if (first === 'segment' && parts.length <= 2) return { page: 'segment', job: second ?? null, upload: second === undefined ? query.get('upload') || null : null }
  if (first === 'files' && parts.length === 1) return { page: 'files', path: query.get('path') ?? '' }
  if (first === 'vr' && parts.length === 1) return { page: 'vr', query }
  return { page: 'unknown', path }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const at = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`

export const links = {
  runs: (): string => at('runs'),
  run: (run: string): string => at('runs', run),
  case: (source: Source): string => {
    if (source.of === 'run') return at('runs', source.run, 'cases', source.name)
    return source.of === 'job' ? at('jobs', source.job) : `${at('files', 'view')}?${new URLSearchParams({ path: source.path })}`
  },
  segment: (): string => at('segment'),
  /** An upload: how far it is, and what to do with it. */
  upload: (upload: string): string => `${at('segment')}?${new URLSearchParams({ upload })}`,
  /** A job: how far it is, and what came of it. */
  job: (job: string): string => at('segment', job),
  files: (path: string): string => `${at('files')}?${new URLSearchParams({ path })}`,
  vr: (query: Record<string, string>): string => `${at('vr')}?${new URLSearchParams(query)}`,
}

export interface FileSlice {
  axis: number
  slice: number
}

/** `z:12` → axis 2 of the file, slice 12; `z:12,x:3` names slices along several axes. Null if it says something else. */
export function parseSlices(text: string | null): FileSlice[] | null {
  const slices = (text ?? '').split(',').map((each) => /^([xyz]):(\d+)$/.exec(each))
  return slices.every((match) => match !== null) ? slices.map((match) => ({ axis: 'xyz'.indexOf(match[1]), slice: Number(match[2]) })) : null
}

export const formatSlices = (slices: FileSlice[]): string => slices.map(({ axis, slice }) => `${'xyz'[axis]}:${slice}`).join(',')
