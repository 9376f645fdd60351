// Labels as files, in every format that the server makes.

import { h } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Case, Download } from '../types.ts'

const t = texts.segment

const nameOf = (format: string): string => (t.formats as Record<string, string>)[format] ?? format

/** Links to files; the server names each after its image. */
export const downloadLinks = (downloads: Download[]): HTMLElement[] =>
  downloads.map(({ format, url }) => h('a', { class: 'button', href: url, download: '', 'data-format': format }, nameOf(format)))

/** The files of a case: of the prediction and, where there is one, of the correction. */
export function caseDownloads(of: Case): HTMLElement | null {
  const groups = [
    { name: texts.viewer.shows.prediction, files: of.downloads ?? [] },
    { name: texts.viewer.shows.correction, files: of.correction?.downloads ?? [] },
  ].filter(({ files }) => files.length > 0)
  if (groups.length === 0) return null
  return h('details', { class: 'downloads' }, h('summary', {}, t.downloads),
    ...groups.map(({ name, files }) => h('p', { class: 'actions' }, t.downloadsOf(name), ...downloadLinks(files))))
}
