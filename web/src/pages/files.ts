// Files below the folders that the server shows: look at them, or segment them.

import { api, Refusal } from '../api.ts'
import { button, coded, fill, h, say } from '../dom.ts'
import type { Frame } from '../main.ts'
import { links } from '../route.ts'
import { texts } from '../texts.ts'
import { networkChoice, networks } from './networks.ts'

const t = texts.files

export async function filesPage({ root, title }: Frame, path: string): Promise<void> {
  title(t.title)
  const [{ folders, files, 'left-out': leftOut = 0 }, runs] = await Promise.all([api.files(path), networks()])
  const join = (name: string): string => (path === '' ? name : `${path}/${name}`)
  const up = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
  const network = runs.length > 0 ? networkChoice(runs, t.segment) : null
  const segment = async (name: string, begin: HTMLButtonElement): Promise<void> => {
    // A second click would make a second job.
    begin.disabled = true
    try {
      // The job has a page of its own, which can be found again; Back leads here.
      location.hash = links.job((await api.startJob({ run: network!.chosen(), path: join(name) })).id)
    } catch (error) {
      say(error instanceof Refusal ? error.text : String(error), 'error', 'job')
    } finally {
      begin.disabled = false
    }
  }
  const segmentButton = (name: string): HTMLButtonElement => {
    const begin = button(texts.segment.start, () => void segment(name, begin), { 'aria-label': `${texts.segment.start}: ${name}` })
    return begin
  }
  const rows = [
    ...folders.map((name) => h('tr', {}, h('td', {}, h('a', { href: links.files(join(name)) }, `${name}/`)), h('td', {}), h('td', {}))),
    ...files.map(({ name, kind }) => h('tr', {},
      h('td', {}, name), h('td', {}, t.kinds[kind]),
      h('td', {}, h('a', { href: links.case({ of: 'file', path: join(name) }), 'aria-label': `${t.view}: ${name}` }, t.view), ' ',
        kind !== 'labels' && network && segmentButton(name)))),
  ]
  fill(root, h('h1', {}, t.title), h('p', { class: 'crumbs' }, path ? h('a', { href: links.files('') }, t.root) : t.root, path && ` › ${path} `, path && h('a', { href: links.files(up) }, t.up)),
    network && network.element, leftOut > 0 && h('p', { class: 'note' }, t.leftOut(leftOut)),
    rows.length === 0 ? h('p', {}, ...coded(path ? t.empty : t.noRoots)) : h('div', { class: 'scroll' }, h('table', {},
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t.columns.name), h('th', { scope: 'col' }, t.columns.kind), h('th', {}))), h('tbody', {}, ...rows))))
}
