// Files below the folders that the server shows: look at them, or segment them.

import { api, Refusal } from '../api.ts'
import { button, fill, h, say, select } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import { networks, watch } from './segment.ts'

const t = texts.files

export async function filesPage(frame: Frame, path: string): Promise<void> {
  const { root, title } = frame
  title(t.title)
  const [{ folders, files }, runs] = await Promise.all([api.files(path), networks()])
  const join = (name: string): string => (path === '' ? name : `${path}/${name}`)
  const up = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
  const stage = h('div', {})
  const run = select(runs.map((each) => ({ value: each.id, text: `${each.experiment}: ${each.name}` })), runs[0]?.id ?? '', () => undefined, { 'aria-label': t.segment })
  const segment = async (name: string): Promise<void> => {
    try {
      await watch(frame, stage, await api.startJob({ run: run.value, path: join(name) }))
    } catch (error) {
      say(error instanceof Refusal ? `${error.message} ${error.help ?? ''}` : String(error), 'error')
    }
  }
  const rows = [
    ...folders.map((name) => h('tr', {}, h('td', {}, h('a', { href: links.files(join(name)) }, `${name}/`)), h('td', {}), h('td', {}))),
    ...files.map(({ name, kind }) => h('tr', {},
      h('td', {}, name), h('td', {}, t.kinds[kind]),
      h('td', {}, h('a', { href: links.case({ of: 'file', path: join(name) }), 'aria-label': `${t.view}: ${name}` }, t.view), ' ',
        kind !== 'labels' && runs.length > 0 && button(texts.segment.start, () => void segment(name), { 'aria-label': `${texts.segment.start}: ${name}` })))),
  ]
  fill(root, h('h1', {}, t.title), h('p', { class: 'crumbs' }, h('a', { href: links.files('') }, t.root), path && ` › ${path} `, path && h('a', { href: links.files(up) }, t.up)),
    runs.length > 0 && h('p', {}, `${t.segment} `, run), stage,
    rows.length === 0 ? h('p', {}, t.empty) : h('div', { class: 'scroll' }, h('table', {},
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t.columns.name), h('th', { scope: 'col' }, t.columns.kind), h('th', {}))), h('tbody', {}, ...rows))))
}
