// The only place that talks to the server.

import { texts } from './texts.ts'
import type { About, Case, Correction, Image, Job, Listing, NewDataset, Queued, RunDetails, RunList, Sent, State, Stored, Structure, Study, StudyQuery, StudySeries, Upload, Upon } from './types.ts'
import type { Source } from './route.ts'

/** How soon an event stream that broke off is asked for again, at first. */
const SOON_MS = 500

/** A refusal by the server, in its own words. */
export class Refusal extends Error {
  readonly status: number
  readonly help: string | null
  /** Whether new structures have names or values that other corrections have given meanwhile. */
  readonly isClash: boolean

  constructor(status: number, message: string, help: string | null, isClash = false) {
    super(message)
    this.status = status
    this.help = help
    this.isClash = isClash
  }

  /** What is wrong, and what to do. The server's sentences have no full stop. */
  get text(): string {
    return [this.message, this.help].filter(Boolean).join(/[.!?]$/.test(this.message) ? ' ' : '; ')
  }
}

async function ask(path: string, init?: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init })
  } catch (error) {
    if (init?.signal?.aborted) throw error
    throw new Refusal(0, texts.errors.unreachable, texts.errors.unreachableHelp)
  }
  if (response.ok) return response
  const body = (await response.json().catch(() => null)) as { error?: string; help?: string | null; clash?: boolean } | null
  const message = body?.error ?? (response.status === 401 ? texts.errors.unauthorised : texts.errors.status(response.status))
  throw new Refusal(response.status, message, body?.help ?? null, body?.clash ?? false)
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  return (await ask(path, init)).json() as Promise<T>
}

const send = (method: string, body?: unknown): RequestInit =>
  body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }

const part = encodeURIComponent

/** Where everything about a case lies: below its run, or below its job. */
function place(source: Source): string {
  if (source.of === 'run') return `/api/runs/${part(source.run)}/cases/${part(source.name)}`
  if (source.of === 'job') return `/api/jobs/${part(source.job)}`
  throw new Error('a file has neither corrections nor surfaces')
}

export const api = {
  about: () => json<About>('/api/about'),
  runs: () => json<RunList>('/api/runs'),
  run: (id: string) => json<RunDetails>(`/api/runs/${part(id)}`),
  plan: async (id: string) => (await ask(`/api/runs/${part(id)}/plan`)).text(),
  start: (id: string) => json<{ state: State }>(`/api/runs/${part(id)}/start`, send('POST')),
  stop: (id: string) => json<{ state: State }>(`/api/runs/${part(id)}/stop`, send('POST')),
  corrections: (id: string) => json<Correction[]>(`/api/runs/${part(id)}/corrections`),
  queue: (id: string) => json<Queued[]>(`/api/runs/${part(id)}/queue`),
  dataset: (id: string, name: string, keepSplit: boolean) => json<NewDataset>(`/api/runs/${part(id)}/dataset`, send('POST', { name, 'keep-split': keepSplit })),
  runEvents: (id: string, after: number) => `/api/runs/${part(id)}/events?after=${after}`,

  case: (run: string, name: string) => json<Case>(place({ of: 'run', run, name })),
  meshes: (source: Source, of: 'prediction' | 'reference' | 'correction') => `${place(source)}/meshes?of=${of}`,
  meshesAbout: (source: Source) => json<{ 'to-world-mm': number[] }>(`${place(source)}/meshes/about`),

  /** Bytes of a file of the server; only of this server. */
  bytes: async (url: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> => {
    const own = new URL(url, location.href)
    if (own.origin !== location.origin) throw new Refusal(0, texts.errors.elsewhere(own.host), null)
    return new Uint8Array(await (await ask(own.pathname + own.search, { signal })).arrayBuffer())
  },

  /** Saves a label file on the grid of the image. New structures go along, since the file holds only values.
   * @param seen version of the correction that it takes the place of; null: there is none */
  correct: async (source: Source, file: Uint8Array<ArrayBuffer>, { base, prediction }: Upon, added: Structure[], seen: string | null) => {
    const headers: Record<string, string> = { 'content-type': 'application/gzip', 'segspec-base': base, ...(seen === null ? { 'if-none-match': '*' } : { 'if-match': `"${seen}"` }) }
    if (base === 'prediction' && prediction !== null) headers['segspec-prediction'] = prediction
    if (added.length > 0) {
      const structures = added.map(({ name, value, color }) => ({ name, value, color }))
      headers['segspec-structures'] = encodeURIComponent(JSON.stringify(structures))
    }
    return (await ask(`${place(source)}/correction`, { method: 'PUT', body: file, headers })).json() as Promise<Correction>
  },

  /** Takes a correction away, if it is the one that was seen. */
  withdraw: (source: Source, seen: string) => ask(`${place(source)}/correction`, { method: 'DELETE', headers: { 'if-match': `"${seen}"` } }),

  /** A session of clicks on the image of a case or a job. */
  openClicks: async (source: Source, signal: AbortSignal) => {
    const body = source.of === 'run' ? { run: source.run, case: source.name } : source.of === 'job' ? { job: source.job } : null
    return (await json<{ session: string }>('/api/clicks', { ...send('POST', body), signal })).session
  },
  /** The labels after the last of the clicks; `clicks` as they stand in the header. */
  click: async (session: string, file: Uint8Array<ArrayBuffer>, clicks: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> => {
    const headers = { 'content-type': 'application/gzip', 'segspec-clicks': clicks }
    return new Uint8Array(await (await ask(`/api/clicks/${part(session)}`, { method: 'POST', body: file, headers, signal })).arrayBuffer())
  },
  closeClicks: (session: string) => ask(`/api/clicks/${part(session)}`, { method: 'DELETE', keepalive: true }),

  files: (path: string) => json<Listing>(`/api/files?path=${part(path)}`),
  fileImage: (path: string) => json<Image>(`/api/files/image?path=${part(path)}`),

  uploads: async () => (await json<{ uploads: Sent[] }>('/api/uploads')).uploads,
  uploadState: (id: string) => json<Upload>(`/api/uploads/${part(id)}`),
  dropUpload: (id: string) => ask(`/api/uploads/${part(id)}`, { method: 'DELETE' }),
  studies: (query: StudyQuery, signal: AbortSignal) => json<{ studies: Study[]; more: boolean }>('/api/pacs/studies', { ...send('POST', query), signal }),
  studySeries: async (study: string, signal: AbortSignal) => (await json<{ series: StudySeries[] }>(`/api/pacs/studies/${part(study)}/series`, { signal })).series,
  fetchSeries: async (body: { study: string; series: string; anonymous: boolean }) => (await json<{ upload: string }>('/api/pacs/uploads', send('POST', body))).upload,
  store: (url: string) => json<Stored>(url, send('POST')),
  jobs: () => json<Job[]>('/api/jobs'),
  job: (id: string) => json<Job>(`/api/jobs/${part(id)}`),
  startJob: (body: ({ upload: string; series: string } | { path: string } | { case: string }) & { run: string; probabilities?: boolean }) => json<Job>('/api/jobs', send('POST', body)),
  dropJob: (id: string) => ask(`/api/jobs/${part(id)}`, { method: 'DELETE' }),
  jobEvents: (id: string) => `/api/jobs/${part(id)}/events`,
}

/** Uploads files with their relative paths as names; tells the share sent so far. `fetch` cannot tell progress, hence XMLHttpRequest. */
export function upload(files: { path: string; file: File }[], anonymous: boolean, progress: (share: number) => void, signal: AbortSignal): Promise<string> {
  const form = new FormData()
  for (const { path, file } of files) form.append('files', file, path)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', `/api/uploads${anonymous ? '?anonymous=true' : ''}`)
    request.responseType = 'json'
    request.upload.onprogress = (event) => { if (event.lengthComputable) progress(event.loaded / event.total) }
    request.onerror = () => reject(new Refusal(0, texts.errors.unreachable, texts.errors.unreachableHelp))
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'))
    request.onload = () => {
      const body = request.response as { upload?: string; error?: string; help?: string } | null
      if (request.status === 202 && body?.upload) resolve(body.upload)
      else reject(new Refusal(request.status, body?.error ?? texts.errors.status(request.status), body?.help ?? null))
    }
    signal.addEventListener('abort', () => request.abort())
    request.send(form)
  })
}

/** Listens to server-sent events until the signal ends it. The browser reconnects by itself, but from the first address again: hence
 * `url` is asked for anew, with the last line seen. A tab that nobody looks at holds no connection, since browsers open six to one server
 * at most, for all tabs together; it hears what it missed when it is shown again. */
export function listen(url: (after: number) => string, heard: (data: unknown) => void, lost: (isLost: boolean) => void, signal: AbortSignal): void {
  let last = 0
  let wait = SOON_MS
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  const close = (): void => {
    clearTimeout(timer)
    source?.close()
    source = null
  }
  const open = (): void => {
    close()
    if (signal.aborted || document.hidden) return
    source = new EventSource(url(last))
    source.onopen = () => {
      wait = SOON_MS
      lost(false)
    }
    source.onmessage = (event: MessageEvent<string>) => {
      const line = Number(event.lastEventId)
      if (line > 0 && line <= last) return
      last = Math.max(last, line)
      heard(JSON.parse(event.data))
    }
    source.onerror = () => {
      close()
      timer = setTimeout(open, wait)
      wait = Math.min(10_000, wait * 2)
      lost(true)
    }
  }
  signal.addEventListener('abort', close)
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()), { signal })
  open()
}
