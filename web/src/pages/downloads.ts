// Labels as files, in every format that the server makes.

import { fetchFile, h, say } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Case, Correction, Download } from '../types.ts'

const t = texts.segment
const MIDDLE = 1

/** Labels that somebody is changing: the server makes files of what was saved, which may not be what is seen. */
export interface Draft {
  /** Whether something is not saved yet. */
  readonly unsaved: boolean
  /** Saves it; gives what is saved then, or why it cannot be. */
  latest: () => Promise<Correction | { failure: string }>
}

const nameOf = (format: string): string => (t.formats as Record<string, string>)[format] ?? format

/** What is being changed now, if something is. */
type Drafting = () => Draft | null

/** Links to files; the server names each after its image.
 * @param drafting where the labels may be being changed: a file is made of what is seen, or else none is handed out */
export const downloadLinks = (downloads: Download[], drafting: Drafting = () => null): HTMLElement[] =>
  downloads.map(({ format, url }) => {
    const link = h('a', { class: 'button', href: url, download: '', 'data-format': format, 'data-key': url }, nameOf(format))
    savingFirst(link, format, drafting)
    return link
  })

/** Saves before a link is followed, by whatever way: a click, Enter, the middle button. Who opens its menu chooses there what the browser
 * does, and the page cannot wait for it: saving begins when the menu opens. */
function savingFirst(link: HTMLElement, format: string, drafting: Drafting): void {
  const follow = (event: MouseEvent): void => {
    const draft = drafting()
    if (!draft?.unsaved) return
    event.preventDefault()
    void latestFile(format, draft)
  }
  link.addEventListener('click', follow)
  link.addEventListener('auxclick', (event) => { if (event.button === MIDDLE) follow(event) })
  link.addEventListener('contextmenu', () => { if (drafting()?.unsaved) void drafting()?.latest() })
}

async function latestFile(format: string, draft: Draft): Promise<void> {
  const saved = await draft.latest()
  if ('failure' in saved) return say(t.notDownloaded(saved.failure), 'error', 'save')
  const file = saved.downloads?.find((each) => each.format === format)
  // Surfaces, for example, are offered only as long as there is something.
  if (!file) return say(t.noFile(nameOf(format)), 'error', 'save')
  fetchFile(file.url)
}

/** The files of a case: of the correction, where there is one, which may be being changed; and of the prediction. */
export function caseDownloads(of: Case, drafting: Drafting): HTMLDetailsElement | null {
  const groups = [
    { name: texts.viewer.shows.correction, files: of.correction?.downloads ?? [], drafting },
    { name: texts.viewer.shows.prediction, files: of.downloads ?? [], drafting: () => null },
  ].filter(({ files }) => files.length > 0)
  if (groups.length === 0) return null
  return h('details', { class: 'downloads' }, h('summary', {}, t.downloads),
    ...groups.map((group) => h('p', { class: 'actions' }, t.downloadsOf(group.name), ...downloadLinks(group.files, group.drafting))))
}
