// Segments images that the reader brings: upload, choice of series and network, progress, result.

import { api, Refusal, upload } from '../api.ts'
import { button, checkbox, coded, field, fill, h, say, select } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Job, Series, Study, StudySeries, Upload } from '../types.ts'
import { archivePanel } from './archive.ts'
import type { Dropped } from './drop.ts'
import { bytes, fromDrop, fromInput, takeDrops } from './drop.ts'
import { follow, imageOf, jobList } from './jobs.ts'
import { patientOf } from './image-name.ts'
import { networkChoice, networks, otherModality } from './networks.ts'
import { result } from './result.ts'
import type { SentList } from './uploads.ts'
import { removeUpload, sentList } from './uploads.ts'

const t = texts.segment
const MOST_FILES = 10_000
/** The server keeps no more uploads. */
const TOO_MANY = 429

/** What the steps of the page share. */
interface Page {
  frame: Frame
  /** Where they are shown. */
  stage: HTMLElement
  /** The search in the archive, where there is one: what it found stays while a series is fetched and segmented. */
  search: HTMLElement | null
  sent: SentList
  /** Whether what comes next is to be made anonymous. */
  anonymous: boolean
  /** Takes files, while they are to be chosen. */
  take: ((files: Dropped[]) => void) | null
}

/** @param job the id of a job that is followed, or whose result is shown
 * @param upload the id of images that the server has, and that are gone on with */
export async function segmentPage(frame: Frame, { job, upload: known }: { job: string | null; upload: string | null }): Promise<void> {
  const { root, about, title, signal } = frame
  title(t.title)
  const stage = h('div', { class: 'steps', 'aria-live': 'polite' })
  const jobs = h('div', {})
  const page: Page = { frame, stage, search: null, sent: sentList((id) => void goOn(page, id), signal), anonymous: false, take: null }
  if (about.pacs) page.search = archivePanel((study, series) => void fetchSeries(page, study, series), signal)
  fill(root, h('h1', {}, t.title), h('p', { class: 'note' }, `${t.intro} ${t.keep(about['keep-uploads-minutes'])}`), stage, jobs)
  takeDrops((is) => stage.querySelector('.drop')?.classList.toggle('over', is), (data) => {
    // Elsewhere nobody sees whether the images are made anonymous.
    if (!page.take) return say(t.dropLater)
    void fromDrop(data).then((files) => page.take?.(files), (reason: unknown) => page.take && chooseFiles(page, reason))
  }, signal)
  // Whoever chooses the page once more is done with what went wrong.
  frame.renew(() => { if (page.take) chooseFiles(page) })
  if (job !== null) void watch(page, await api.job(job))
  else if (known !== null) void goOn(page, known)
  else chooseFiles(page)
  await jobList(jobs, signal)
}

/** Changes the address without leaving the page: what the archive found stays. */
function goTo(link: string): void {
  if (location.hash !== link) history.pushState(null, '', link)
}

const failure = (error: unknown): HTMLElement =>
  h('p', { class: 'failure', role: 'alert' }, ...coded(error instanceof Refusal ? error.text : error instanceof Error ? error.message : String(error)))

function chooseFiles(page: Page, error: unknown = null): void {
  const { stage, sent, search } = page
  const limit = page.frame.about['upload-limit-bytes']
  const take = (files: Dropped[]): void => {
    const size = files.reduce((sum, { file }) => sum + file.size, 0)
    if (files.length === 0) return chooseFiles(page, new Error(t.empty))
    if (files.length > MOST_FILES) return chooseFiles(page, new Error(t.tooMany))
    if (size > limit) return chooseFiles(page, new Error(t.tooLarge(bytes(size), bytes(limit))))
    void send(page, files)
  }
  page.take = take
  const area = dropArea(take)
  // Too many are kept: below the message are those of which one can go.
  const isFull = error instanceof Refusal && error.status === TOO_MANY
  fill(stage, error !== null && failure(error), isFull && sent.element, area, checkbox(t.anonymous, page.anonymous, (on) => { page.anonymous = on }), !isFull && sent.element, search)
  void sent.ask()
  // The search may be far below.
  if (error !== null) stage.firstElementChild!.scrollIntoView({ block: 'nearest' })
}

function dropArea(take: (files: Dropped[]) => void): HTMLElement {
  const picker = (attributes: Record<string, string | boolean>): HTMLInputElement => {
    const input = h('input', { type: 'file', multiple: true, hidden: true, ...attributes, onchange: () => take(fromInput(input.files!)) })
    return input
  }
  const [files, folder] = [picker({ 'data-files': '' }), picker({ webkitdirectory: true })]
  return h('div', { class: 'drop' }, h('p', {}, t.drop),
    h('p', {}, button(t.chooseFiles, () => files.click()), ' ', button(t.chooseFolder, () => folder.click())), files, folder)
}

async function send(page: Page, files: Dropped[]): Promise<void> {
  const { anonymous } = page
  await receive(page, (told, signal) => upload(files, anonymous, (share) => told(t.uploading(`${Math.round(100 * share)} %`), share), signal), null)
}

async function fetchSeries(page: Page, study: Study, series: StudySeries): Promise<void> {
  const { anonymous } = page
  await receive(page, () => api.fetchSeries({ study: study.uid, series: series.uid, anonymous }), series.instances)
}

/** Goes on with images that the server has, as if they had come just now. */
const goOn = (page: Page, id: string): Promise<void> => receive(page, () => Promise.resolve(id), null)

/** Says how far something is: a text, and a share where it is known. */
type Told = (text: string, share: number | null) => void

/** Lets images come to the server, waits until it has read them, and goes on with them. They stay there when the page is left meanwhile.
 * @param objects how many will come from the archive, where that is known */
async function receive(page: Page, begin: (told: Told, signal: AbortSignal) => Promise<string>, objects: number | null): Promise<void> {
  const { frame, stage } = page
  page.take = null
  const cancelling = new AbortController()
  const stopping = new AbortController()
  for (const { signal } of [frame, cancelling]) signal.addEventListener('abort', () => stopping.abort())
  const text = h('p', {})
  const bar = h('progress', { class: 'wide', max: 1, value: 0, 'aria-label': t.coming })
  const told: Told = (words, share) => {
    if (share === null) bar.removeAttribute('value')
    else bar.value = share
    text.textContent = words
  }
  told(t.coming, 0)
  fill(stage, text, bar, h('p', {}, button(texts.cancel, () => cancelling.abort())))
  let id = null as string | null
  try {
    id = await begin(told, stopping.signal)
    if (!frame.signal.aborted) goTo(links.upload(id))
    const ready = await read(id, objects, told, stopping.signal)
    if (ready.state === 'refused') {
      await api.dropUpload(id).catch(() => undefined)
      throw new Refusal(400, ready.error ?? t.empty, null)
    }
    await chooseSeries(page, id, ready)
  } catch (error) {
    if (id !== null && cancelling.signal.aborted) await api.dropUpload(id).catch(() => undefined)
    if (frame.signal.aborted) return
    history.replaceState(null, '', links.segment())
    chooseFiles(page, cancelling.signal.aborted ? null : error)
  }
}

/** Waits until the server has fetched and read an upload. */
async function read(id: string, objects: number | null, told: Told, signal: AbortSignal): Promise<Upload> {
  for (;;) {
    if (signal.aborted) throw new DOMException('cancelled', 'AbortError')
    const now = await api.uploadState(id)
    if (now.fetched) told(texts.archive.fetching(now.fetched.objects, objects, bytes(now.fetched.bytes)), objects ? Math.min(1, now.fetched.objects / objects) : null)
    else if (now.state === 'reading') told(t.reading, 1)
    else return now
    await new Promise((resolve) => setTimeout(resolve, 400))
  }
}

/** What tells a series from others: two patients may have the same description and number of slices. */
export function seriesText(series: Series): string {
  const { name, slices, modality, file, number } = series
  const patient = patientOf(series)
  const more = [patient && t.patient(patient), number && t.number(number), file !== name && file].filter(Boolean)
  return [t.seriesOf(name, slices, modality), ...more].join(', ')
}

async function chooseSeries(page: Page, id: string, sent: Upload): Promise<void> {
  const { stage } = page
  const { series, problems = [] } = sent
  const runs = await networks()
  // Images that were sent earlier may have jobs already.
  const discard = (): Promise<void> => removeUpload(id, sent, async () => {
    if (page.frame.signal.aborted) return
    history.replaceState(null, '', links.segment())
    chooseFiles(page)
  })
  if (runs.length === 0) return fill(stage, h('p', {}, t.noRuns), anew(page), button(t.discard, () => void discard()))
  const remark = h('p', { class: 'warning', role: 'status' })
  const tell = (): void => {
    const one = series.find((each) => each.id === which.value)
    const other = otherModality(runs.find((run) => run.id === network.chosen()), one?.modality)
    remark.textContent = [one?.['looks-like-labels'] ? t.labels(one.name) : '', other ? t.modality(one!.modality!, other) : ''].join(' ').trim()
  }
  const which = select(series.map((each) => ({ value: each.id, text: seriesText(each) })), series[0]?.id ?? '', tell)
  const network = networkChoice(runs, t.run, tell)
  tell()
  const maps = checkbox(t.probabilities, false, () => undefined)
  const wrong = h('div', {})
  const start = async (): Promise<void> => {
    // A second click would make a second job.
    begin.disabled = true
    try {
      const probabilities = maps.querySelector('input')!.checked
      const job = await api.startJob({ run: network.chosen(), upload: id, series: which.value, probabilities })
      await watch(page, job)
    } catch (error) {
      fill(wrong, failure(error))
    } finally {
      begin.disabled = false
    }
  }
  const begin = button(t.start, () => void start(), { class: 'primary' })
  fill(stage, h('h2', {}, t.ready), problems.length > 0 && h('ul', { class: 'failure' }, ...problems.map((text) => h('li', {}, text))), h('p', {}, field(t.series, which)), remark, network.element, h('p', {}, maps),
    h('p', { class: 'actions' }, begin, anew(page), button(t.discard, () => void discard())), wrong)
}

/** A button that leads back to the choice of images; what was sent stays. */
const anew = (page: Page): HTMLElement => button(t.again, () => {
  // The choice was for the images before; where these did not come, it stays.
  page.anonymous = false
  goTo(links.segment())
  page.frame.title(t.title)
  chooseFiles(page)
})

/** Follows a job to its end and shows what came of it. */
async function watch(page: Page, job: Job): Promise<void> {
  const { frame, stage } = page
  if (frame.signal.aborted) return
  page.take = null
  goTo(links.job(job.id))
  frame.title(imageOf(job))
  const again = anew(page)
  const last = await follow(stage, job, frame.signal)
  if (frame.signal.aborted) return
  if (last.state === 'failed') fill(stage, failure(new Error(last.error ?? t.states.failed)), again)
  else if (last.state === 'cancelled' || !last.result) fill(stage, h('p', {}, t.cancelled), again)
  else fill(stage, result(last, frame.about.pacs), again)
}
