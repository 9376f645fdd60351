// What came of a job: volumes, files, and what a person has corrected since.

import { time } from '../dates.ts'
import { h, number } from '../dom.ts'
import type { Source } from '../route.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import type { Download, Job } from '../types.ts'
import { sendButton } from './archive.ts'
import { downloadLinks } from './downloads.ts'
import { imageOf } from './jobs.ts'
import { fullName } from './order.ts'

const t = texts.segment

/** @param hasArchive whether the server knows an archive */
export function result(job: Job, hasArchive: boolean): HTMLElement {
  const { correction } = job
  // Maps of a case are shown with the case, beside its reference.
  const viewed: Source = job.image.from === 'case' ? { of: 'run', run: job.network.run, name: job.image.name } : { of: 'job', job: job.id }
  return h('section', { class: 'result' },
    h('h2', {}, t.result),
    h('p', {}, t.by(imageOf(job), fullName(job.network))),
    h('p', { role: 'status' }, t.done(job.seconds.toFixed(1))),
    correction && h('p', { class: 'corrected' }, texts.viewer.corrected(correction.who, time(correction.when))),
    h('p', {}, h('a', { class: 'button primary', href: links.case(viewed) }, t.view)),
    ...volumes(job), ...files(job, hasArchive))
}

function volumes({ result, correction }: Job): HTMLElement[] {
  const rows = result!.structures.map(({ name }) => h('tr', {}, h('td', {}, name), h('td', {}, number(result!.volumes[name], 1))))
  const heads = [texts.viewer.columns.name, t.volume].map((text) => h('th', { scope: 'col' }, text))
  const table = h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows)))
  // The server measures what the network found.
  return correction ? [h('h2', {}, t.volumesPredicted), h('p', { class: 'note' }, t.volumesCorrected), table] : [h('h2', {}, t.volumes), table]
}

/** The corrected labels come first: whoever corrects them wants them. */
function files({ result, correction }: Job, hasArchive: boolean): HTMLElement[] {
  const group = (downloads: Download[], send: string | null | undefined): HTMLElement[] => [
    h('p', { class: 'actions' }, ...downloadLinks(downloads)),
    ...(hasArchive && send ? [h('p', { class: 'actions' }, sendButton(() => Promise.resolve(send)).element)] : []),
  ]
  const predicted = group(result!.downloads, result!.send)
  if (!correction?.downloads?.length) return [h('h2', {}, t.downloads), ...predicted]
  return [h('h2', {}, t.downloads), h('h3', {}, t.corrected), ...group(correction.downloads, correction.send), h('h3', {}, texts.viewer.shows.prediction), ...predicted]
}
