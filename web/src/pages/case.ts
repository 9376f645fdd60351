// The viewer of one case: slices and 3D with everything that was drawn, predicted or corrected on them.

import { api } from '../api.ts'
import { button, download, field, fill, h, redraw, say, select } from '../dom.ts'
import type { Frame } from '../main.ts'
import type { Clicker } from '../refine/clicks.ts'
import type { Editor } from '../refine/editor.ts'
import { Session } from '../refine/session.ts'
import type { Source } from '../route.ts'
import { formatSlices, links, parseSlices } from '../route.ts'
import { texts } from '../texts.ts'
import type { Case, Correction, Image } from '../types.ts'
import * as address from '../view/address.ts'
import { bind, showKeys } from '../view/keys.ts'
import { Layers } from '../view/layers.ts'
import { loadBlank, loadImage } from '../view/load.ts'
import { measuring } from '../view/measure.ts'
import type { MakeMaps } from '../view/maps.ts'
import { openMap } from '../view/maps.ts'
import { panel } from '../view/panel.ts'
import { Touches } from '../view/touch.ts'
import '../view/view.css'
import { Viewer } from '../view/viewer.ts'
import { viewerKeys } from './case-keys.ts'
import { caseDownloads } from './downloads.ts'
import { settled } from './jobs.ts'
import { loadCase } from './source.ts'

const t = texts.viewer

export async function casePage({ root, signal, about, title, guard }: Frame, source: Source, query: URLSearchParams): Promise<void> {
  const of = await loadCase(source)
  title(of.case)
  const channels = channelsOf(of)
  const channel = Math.max(0, channels.findIndex(({ name }) => name === query.get('image')))
  const masks = of.prediction?.masks ?? of.reference?.masks ?? 0
  const mask = masks > 0 ? Math.min(masks - 1, Math.max(0, Number(query.get('mask') ?? 0) || 0)) : null
  fill(root, h('p', { class: 'page note' }, t.loadingImage))
  const labels = of.prediction ?? of.reference
  if (channels.length === 0 && !labels) throw new Error(of.problem ?? texts.errors.noLabels)
  const shown = channels.length > 0 ? await loadImage(channels[channel].image, channels[channel].at, signal) : await loadBlank(labels!, signal)
  const layers = new Layers(shown, of, mask)
  await layers.load(signal)
  if (signal.aborted) return

  const parts = frame(of)
  fill(root, parts.element)
  const viewer = await Viewer.open(of, shown, layers, parts.canvas, parts.beside)
  if (signal.aborted) return viewer.close()
  signal.addEventListener('abort', () => viewer.close())
  const page = new CasePage(viewer, source, new Touches(viewer, parts.surface, signal), about, signal)
  guard({ pending: () => page.session?.unsaved ?? false, mayLeave: () => page.session?.mayEnd() ?? Promise.resolve(true) })
  fill(parts.head, ...page.header(channel, mask))
  parts.element.append(page.bar, page.side.element)
  viewer.changed = () => page.update()
  parts.surface.addEventListener('pointerup', () => viewer.follow(), { signal })
  parts.surface.addEventListener('wheel', (event) => zoomWheel(viewer, event), { signal, capture: true, passive: false })
  parts.surface.addEventListener('pointerdown', (event) => {
    const spot = viewer.stage.spot(event.clientX, event.clientY)
    if (spot) viewer.plane = spot.plane
  }, { signal, capture: true })
  await page.open(query)
}

interface Channel {
  name: string
  image: Image
  at: number
}

/** Every channel of every image of a case, by name. */
const channelsOf = (of: Case): Channel[] =>
  of.images.flatMap((image) => Array.from({ length: Math.max(1, image.channels) }, (_, at) => ({ name: image.channels > 1 ? `${image.name} ${at + 1}` : image.name, image, at })))

function zoomWheel(viewer: Viewer, event: WheelEvent): void {
  if (event.ctrlKey) {
    event.preventDefault()
    event.stopPropagation()
    viewer.stage.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15)
  }
  setTimeout(() => viewer.follow())
}

function frame(of: Case): { element: HTMLElement; head: HTMLElement; surface: HTMLElement; canvas: HTMLCanvasElement; beside: { open: () => HTMLCanvasElement; close: () => void } } {
  const canvas = h('canvas', { tabindex: 0, 'aria-label': t.canvas, role: 'img' })
  const label = h('span', { class: 'label' })
  const first = h('div', { class: 'pane' }, canvas, label)
  const surface = h('div', { class: 'surface' }, first, h('span', { class: 'stamp' }, texts.research))
  const head = h('header', {})
  let second: HTMLElement | null = null
  const beside = {
    open: () => {
      const own = h('canvas', { 'aria-label': t.secondCanvas, role: 'img' })
      second = h('div', { class: 'pane' }, own, h('span', { class: 'label' }, t.shows.prediction))
      label.textContent = t.shows.reference
      first.after(second)
      return own
    },
    close: () => {
      label.textContent = ''
      second?.remove()
      second = null
    },
  }
  return { element: h('div', { class: 'viewer', role: 'region', 'aria-label': of.case }, head, surface), head, surface, canvas, beside }
}

/** What the page does around the viewer: links, keys, measuring, refining. */
class CasePage {
  readonly side: ReturnType<typeof panel>
  readonly measure: ReturnType<typeof measuring>
  session: Session | null = null
  /** What stays in view while one refines. */
  readonly bar = h('div', { class: 'refine-bar', hidden: true })
  private isSwitching = false
  private readonly downloads = h('div', {})
  /** The correction whose files are offered; undefined before any are. */
  private offered: Correction | null | undefined
  private neighbours: { link: HTMLAnchorElement; name: string }[] = []
  private linkTimer: ReturnType<typeof setTimeout> | undefined
  private readonly extra = h('div', {})
  readonly viewer: Viewer
  readonly source: Source
  private readonly touches: Touches
  private readonly about: Frame['about']
  private readonly signal: AbortSignal
  private readonly keys: ReturnType<typeof viewerKeys>
  private readonly buttons: { measure: HTMLButtonElement; refine: HTMLButtonElement }

  constructor(viewer: Viewer, source: Source, touches: Touches, about: Frame['about'], signal: AbortSignal) {
    this.viewer = viewer
    this.source = source
    this.touches = touches
    this.about = about
    this.signal = signal
    this.measure = measuring(viewer, touches, signal)
    this.keys = viewerKeys(this)
    this.buttons = {
      measure: button(t.measure, () => this.toggleMeasure(), { 'aria-pressed': false }),
      refine: button(t.refine, () => void this.toggleRefine(), { 'aria-pressed': false }),
    }
    const tools = h('div', { class: 'buttons' },
      viewer.layers.differences && button(t.worst, () => this.worst()), this.buttons.measure, this.canRefine && this.buttons.refine,
      button(t.screenshot, () => void this.screenshot()), button(t.link, () => void this.copyLink()), button(t.help, () => showKeys(this.keys)))
    const unrefined = this.couldRefine && !this.canRefine && h('p', { class: 'note' }, t.noRefine)
    this.side = panel(viewer, source, h('div', {}, tools, unrefined, this.measure.list, this.extra), viewer.of['can-segment'] ? mapsOf(source, signal) : null, signal)
    bind(this.keys, signal)
  }

  get editor(): Editor | null {
    return this.session?.editor ?? null
  }

  get clicker(): Clicker | null {
    return this.session?.clicker ?? null
  }

  /** Refining needs structures, a place to save to, labels that do not overlap, and the image. */
  private get canRefine(): boolean {
    return this.couldRefine && this.viewer.of.images.length > 0
  }

  /** Whether only the image may be missing for it. */
  private get couldRefine(): boolean {
    const { prediction, reference, structures } = this.viewer.of
    return this.source.of !== 'file' && structures.length > 0 && !prediction?.masks && !reference?.masks
  }

  /** Goes where the link says. */
  async open(query: URLSearchParams): Promise<void> {
    const slices = parseSlices(query.get('slice'))
    const middle = this.viewer.shown.orientation.display.dims.map((n) => Math.floor(n / 2)) as [number, number, number]
    this.viewer.moveTo(middle)
    if (slices && !this.viewer.goTo(slices)) say(t.notFound(query.get('slice')!), 'error')
    await address.read(query, this.viewer)
    if (query.has('refine') && this.canRefine) void this.toggleRefine()
    const map = query.get('map')
    if (map !== null) await openMap(this.viewer, map, this.signal)
  }

  header(channel: number, mask: number | null): Node[] {
    const { of } = this.viewer
    const to = (name: string, text: string): HTMLElement => {
      const link = h('a', { href: this.linkTo(name) }, text)
      this.neighbours.push({ link, name })
      return link
    }
    const reopen = (key: string, value: string): void => {
      const query = new URLSearchParams(location.hash.split('?')[1])
      query.set(key, value)
      // Where structures are shown one at a time, what is hidden is that one.
      if (key === 'mask') query.delete('hide')
      location.hash = `${links.case(this.source)}?${query}`
    }
    const channels = channelsOf(of).map(({ name }) => ({ value: name, text: name }))
    const images = channels.length > 1 && field(t.channel, select(channels, channels[channel].value, (name) => reopen('image', name)))
    const masks = mask !== null && field(t.mask, select(of.structures.map(({ name }, i) => ({ value: String(i), text: name })), String(mask), (i) => reopen('mask', i)), h('small', {}, t.overlapping))
    const back = this.source.of === 'run' ? h('a', { href: links.run(this.source.run) }, texts.back) : h('a', { href: this.source.of === 'job' ? links.job(this.source.job) : links.files(this.source.path.split('/').slice(0, -1).join('/')) }, texts.back)
    const vr = this.source.of !== 'file' && h('a', { href: links.vr(this.source.of === 'run' ? { run: this.source.run, case: this.source.name } : { job: this.source.job }) }, t.vr)
    const corrections = of['corrections-problem'] ?? this.viewer.layers.correctionProblem
    const problems = [of.problem ? `${t.problem} ${of.problem}` : null, corrections ? `${t.correctionsProblem} ${corrections}` : null]
    const problem = problems.flatMap((text) => (text ? [h('p', { class: 'failure', role: 'alert' }, text)] : []))
    return [h('p', { class: 'crumbs' }, back), h('h1', {}, of.case), ...problem,
      h('div', { class: 'actions' }, images, masks, of.previous && to(of.previous, t.previous), of.next && to(of.next, t.next), vr, this.downloads)]
  }

  /** Offers what can be downloaded now: a correction comes and goes while one works. */
  private offerDownloads(): void {
    const { of } = this.viewer
    const correction = of.correction ?? null
    if (this.offered === correction) return
    this.offered = correction
    const isOpen = this.downloads.querySelector('details')?.open ?? false
    const links = caseDownloads(of, () => this.session)
    if (links) links.open = isOpen
    redraw(this.downloads, () => fill(this.downloads, links))
  }

  update(): void {
    this.offerDownloads()
    this.side.update()
    this.session?.update()
    for (const { link, name } of this.neighbours) link.href = this.linkTo(name)
    clearTimeout(this.linkTimer)
    this.linkTimer = setTimeout(() => { if (!this.signal.aborted) history.replaceState(null, '', this.link()) }, 250)
  }

  /** The address of this view. */
  link(): string {
    const query = new URLSearchParams(location.hash.split('?')[1])
    address.write(query, this.viewer, this.viewer.slices)
    return this.with(query, this.source)
  }

  /** The address of another case of the run, seen as this one. */
  linkTo(name: string): string {
    const query = new URLSearchParams(location.hash.split('?')[1])
    address.write(query, this.viewer, null)
    return this.with(query, { ...this.source, name } as Source)
  }

  private with(query: URLSearchParams, source: Source): string {
    const base = links.case(source)
    // Whoever corrects one case after another goes on with it there.
    if (this.session) query.set('refine', '')
    else query.delete('refine')
    return `${base}${base.includes('?') ? '&' : '?'}${without(query, base)}`.replaceAll('%3A', ':').replaceAll('%2C', ',').replace(/\brefine=(?=&|$)/, 'refine')
  }

  async copyLink(): Promise<void> {
    const link = new URL(this.link(), location.href).href
    try {
      await navigator.clipboard.writeText(link)
      say(t.linkCopied)
    } catch {
      say(`${t.linkShown} ${link}`)
    }
  }

  async screenshot(): Promise<void> {
    const { viewer } = this
    const { of } = viewer
    const where = formatSlices(viewer.slices)
    const blob = await viewer.picture(`${of.case} – ${viewer.draft ? texts.refine.title : t.shows[viewer.show]} – ${where} – ${this.about.research}`, this.measure.paint)
    download(`${of.case.replaceAll(/[^\w.-]+/g, '_')}-${where.replaceAll(/[:,]/g, '-')}.png`, blob)
  }

  worst(): void {
    say(this.viewer.goToWorst())
  }

  toggleMeasure(): void {
    this.buttons.measure.setAttribute('aria-pressed', String(this.measure.toggle()))
    if (this.touches.surface.classList.contains('measuring')) say(t.measuring)
  }

  /** Switches refining on, or off once everything is saved. */
  async toggleRefine(): Promise<void> {
    if (this.isSwitching) return
    this.isSwitching = true
    try {
      if (this.session) await this.endRefining(this.session)
      else if (this.canRefine) await this.startRefining()
      else if (this.couldRefine) say(t.noRefine)
    } finally {
      this.isSwitching = false
    }
    if (this.signal.aborted) return
    this.buttons.refine.setAttribute('aria-pressed', String(this.session !== null))
    this.viewer.draw()
  }

  private async startRefining(): Promise<void> {
    const { viewer } = this
    if (viewer.show === 'both') await viewer.setShow('prediction')
    this.session = new Session(viewer, this.source, this.touches, this.about, this.signal)
    viewer.draft = this.session.editor.slots
    fill(this.extra, this.session.element)
    fill(this.bar, this.session.bar)
    this.bar.hidden = false
  }

  private async endRefining(session: Session): Promise<void> {
    if (!(await session.mayEnd()) || this.signal.aborted) return
    session.end()
    this.session = null
    this.viewer.draft = null
    fill(this.extra)
    this.bar.hidden = true
    if (session.hasSaved) await this.viewer.setShow('correction')
  }
}

/** Makes the probability maps of a case of a run, as a job. */
function mapsOf(source: Source, signal: AbortSignal): MakeMaps | null {
  if (source.of !== 'run') return null
  return async (progress) => {
    const job = await settled(await api.startJob({ run: source.run, case: source.name, probabilities: true }), ({ progress: share }) => progress(share), signal)
    if (!job.result) throw new Error(job.error ?? texts.segment.states[job.state])
    return job.result.probabilities ?? []
  }
}

/** A query without what the address has already. */
function without(query: URLSearchParams, base: string): string {
  const left = new URLSearchParams(query)
  for (const key of new URLSearchParams(base.split('?')[1]).keys()) left.delete(key)
  return left.toString()
}

export type { CasePage }
