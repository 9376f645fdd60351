// The frame around the pages: header, navigation, colours, and which page is shown.

import { api, Refusal } from './api.ts'
import { coded, fill, h, hush, select } from './dom.ts'
import { refuseDrops } from './pages/drop.ts'
import type { Route } from './route.ts'
import { links, parse } from './route.ts'
import './style.css'
import { texts } from './texts.ts'
import type { Theme } from './theme.ts'
import { currentTheme, setTheme } from './theme.ts'
import type { About } from './types.ts'

/** What every page gets: where to draw, until when, and what the server can do. */
export interface Frame {
  root: HTMLElement
  /** Ends when the page is left. */
  signal: AbortSignal
  about: About
  title: (text: string) => void
  /** Has the page asked before it is left. */
  guard: (guard: Guard) => void
  /** What a choice of this very page in the menu does; else it is shown anew. */
  renew: (renew: () => void) => void
}

/** What a page has that would be lost with it. */
export interface Guard {
  pending: () => boolean
  /** Saves it, or asks; false: the page stays. */
  mayLeave: () => Promise<boolean>
}

const main = h('main', { id: 'main', tabindex: '-1' })
const research = h('p', { class: 'research', role: 'note' }, texts.research)
let leaving = new AbortController()

function nav(): HTMLElement {
  const link = (text: string, href: string): HTMLAnchorElement => h('a', { href, 'data-page': text, onclick: (event) => chooseAgain(event as MouseEvent, href) }, text)
  const theme = select<Theme>(
    (['system', 'light', 'dark'] as const).map((value) => ({ value, text: texts.theme[value] })),
    currentTheme(),
    setTheme,
    { 'aria-label': texts.theme.label, class: 'theme' },
  )
  return h('header', { class: 'bar' },
    h('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); main.focus() } }, texts.skip),
    h('a', { class: 'brand', href: links.runs() }, texts.title),
    h('nav', { 'aria-label': texts.nav.label }, link(texts.nav.runs, links.runs()), link(texts.nav.segment, links.segment()), link(texts.nav.files, links.files(''))),
    theme)
}

/** A link that leads where one is: browsers do nothing then, and what went wrong before would stay in view. */
function chooseAgain(event: MouseEvent, href: string): void {
  if (location.hash !== href || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  hush()
  if (renew) renew()
  else void navigate()
}

function mark(route: Route): void {
  const own: Partial<Record<Route['page'], string>> = {
    runs: texts.nav.runs, run: texts.nav.runs, case: route.page === 'case' ? { run: texts.nav.runs, job: texts.nav.segment, file: texts.nav.files }[route.source.of] : undefined, vr: texts.nav.runs, segment: texts.nav.segment, files: texts.nav.files,
  }
  for (const link of document.querySelectorAll('header nav a')) {
    if (link.getAttribute('data-page') === own[route.page]) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
}

/** Pages with images are loaded when they are needed: NiiVue and three.js are large. */
async function show(route: Route, frame: Frame): Promise<void> {
  switch (route.page) {
    case 'runs': return (await import('./pages/runs.ts')).runsPage(frame)
    case 'run': return (await import('./pages/run.ts')).runPage(frame, route.run)
    case 'case': return (await import('./pages/case.ts')).casePage(frame, route.source, route.query)
    case 'segment': return (await import('./pages/segment.ts')).segmentPage(frame, route)
    case 'files': return (await import('./pages/files.ts')).filesPage(frame, route.path)
    case 'vr': return (await import('./pages/vr.ts')).vrPage(frame, route.query)
    case 'unknown': fill(frame.root, h('h1', {}, texts.unknownPage(route.path)), h('p', {}, h('a', { href: links.runs() }, texts.nav.runs)))
  }
}

let about: About | null = null
let guard: Guard | null = null
let renew: (() => void) | null = null
let isAsking = false

/** The address has changed: goes there, unless the page has something that is not saved and the person stays for it. */
async function leave(event: HashChangeEvent): Promise<void> {
  if (!guard?.pending()) return navigate()
  const wanted = location.hash
  // Until it is decided, the address is that of the page which is seen.
  history.pushState(null, '', event.oldURL)
  if (isAsking) return
  isAsking = true
  const may = await guard.mayLeave().catch(() => false)
  isAsking = false
  if (!may) return
  guard = null
  location.hash = wanted
}

async function navigate(): Promise<void> {
  leaving.abort()
  leaving = new AbortController()
  const { signal } = leaving
  guard = null
  renew = null
  hush()
  const route = parse(location.hash)
  mark(route)
  document.body.dataset.page = route.page
  delete document.body.dataset.ready
  const root = h('div', { class: 'page' }, h('p', { class: 'note' }, texts.loading))
  fill(main, root)
  try {
    about ??= await api.about()
    research.textContent = about.research
    if (signal.aborted) return
    await show(route, { root, signal, about, title: (text) => { document.title = `${text} – ${texts.title}` }, guard: (own) => { guard = own }, renew: (own) => { renew = own } })
    if (!signal.aborted) document.body.dataset.ready = location.hash
  } catch (error) {
    if (signal.aborted) return
    failed(root, error, route)
    document.body.dataset.ready = location.hash
  }
}

/** Parts of the page that could not be fetched mean that the server is gone; browsers say so in words of their own. */
const isUnfetched = (error: unknown): boolean => error instanceof TypeError && /module|import/i.test(error.message)

function failed(root: HTMLElement, reason: unknown, route: Route): void {
  // The pages of images have no margins.
  document.body.dataset.page = 'failed'
  const error = isUnfetched(reason) ? new Refusal(0, texts.errors.unreachable, texts.errors.unreachableHelp) : reason
  const help = error instanceof Refusal ? error.help : null
  const words = error instanceof Error ? error.message : String(error)
  const ofRun = route.page === 'case' && route.source.of === 'run' ? h('a', { href: links.run(route.source.run) }, texts.onwardRun) : null
  fill(root, h('h1', {}, texts.failed), h('p', { class: 'failure', role: 'alert' }, ...coded(words)), help !== null && h('p', {}, ...coded(help)),
    h('p', { class: 'actions' }, ofRun, h('a', { href: links.runs() }, texts.onward)))
}

const file = (text: string, href: string): HTMLElement => h('a', { href, target: '_blank', rel: 'noopener' }, text)

setTheme(currentTheme())
document.getElementById('app')!.append(nav(), main, h('footer', {}, research, h('p', { class: 'licenses' }, `${texts.licenses}: `, file(texts.licensesOf[0], '/niivue-license.txt'), ', ', file(texts.licensesOf[1], '/licenses.md'))))
addEventListener('hashchange', (event) => void leave(event))
refuseDrops()
void navigate()
