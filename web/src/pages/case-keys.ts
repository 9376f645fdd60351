// What each key does in the viewer.

import { say } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Key } from '../view/keys.ts'
import { showKeys } from '../view/keys.ts'
import type { Show } from '../view/layers.ts'
import type { Layout } from '../view/stage.ts'
import type { CasePage } from './case.ts'

const t = texts.keys
const LAYOUTS: Layout[] = ['axial', 'coronal', 'sagittal', 'render', 'all']

export function viewerKeys(page: CasePage): Key[] {
  const { viewer } = page
  const editing = (act: (editor: NonNullable<CasePage['editor']>) => void) => (): void => {
    if (!page.editor) return
    act(page.editor)
    viewer.changed()
  }
  const keys: Key[] = [
    { keys: ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'], shown: '← → ↑ ↓', text: t.move, act: (key) => arrow(page, key) },
    { keys: ['PageUp', 'PageDown', '.', ','], shown: 'PgUp PgDn . ,', text: t.slice, act: (key) => viewer.move(viewer.plane, key === 'PageUp' || key === '.' ? 1 : -1) },
    { keys: ['1', '2', '3', '4', '5'], shown: '1 – 5', text: t.pane, act: (key) => viewer.setLayout(LAYOUTS[Number(key) - 1]) },
    { keys: ['s'], shown: 's', text: t.show, act: () => void viewer.setShow(next(viewer.layers.shows.filter((show) => show !== 'both') as Show[], viewer.show)) },
    { keys: ['o'], shown: 'o', text: t.outlines, act: () => viewer.setLook({ outlines: !viewer.look.outlines }) },
    { keys: ['[', ']'], shown: '[ ]', text: t.opacity, act: (key) => viewer.setLook({ opacity: clamp(viewer.look.opacity + (key === ']' ? 0.1 : -0.1)) }) },
    { keys: ['g'], shown: 'g', text: t.window, act: () => viewer.setPreset(next(viewer.presets.filter((preset) => preset !== 'own'), viewer.preset)) },
    { keys: ['w'], shown: 'w', text: t.worst, act: () => page.worst() },
    { keys: ['+', '=', '-', '0'], shown: '+ - 0', text: t.zoom, act: (key) => { viewer.stage.zoom(key === '0' ? 0 : key === '-' ? 0.8 : 1.25); viewer.follow() } },
    { keys: ['m'], shown: 'm', text: t.measure, act: () => page.toggleMeasure() },
    { keys: ['i'], shown: 'i', text: t.screenshot, act: () => void page.screenshot() },
    { keys: ['n', 'p'], shown: 'n p', text: t.cases, act: (key) => goToCase(page, key === 'n' ? viewer.of.next : viewer.of.previous) },
    { keys: ['r'], shown: 'r', text: t.refine, act: () => void page.toggleRefine() },
    { keys: ['Ctrl+z', 'Ctrl+y'], shown: 'Ctrl+z Ctrl+y', text: t.undo, act: (key) => editing((editor) => (key === 'Ctrl+z' ? editor.undo() : editor.redo()))() },
    { keys: ['b', 'd', 'e', 'f'], shown: 'b d e f', text: t.tools, act: (key) => editing((editor) => editor.choose(({ b: 'brush', d: 'ball', e: 'erase', f: 'fill' } as const)[key as 'b']))() },
    ...(viewer.of['takes-clicks'] ? [
      { keys: ['c'], shown: 'c', text: t.click, act: editing((editor) => editor.choose('click')) },
      { keys: ['x'], shown: 'x', text: t.background, act: editing(() => { if (page.clicker) page.clicker.negative = !page.clicker.negative }) },
    ] : []),
    { keys: ['k', 'l'], shown: 'k l', text: t.brush, act: (key) => editing((editor) => { editor.radius = Math.min(40, Math.max(0.5, editor.radius + (key === 'l' ? 0.5 : -0.5))) })() },
    { keys: [' '], shown: 'Space', text: t.paint, act: editing((editor) => paint(page, editor)), when: () => page.editor !== null },
    { keys: ['h', '?'], shown: 'h ?', text: t.help, act: () => showKeys(keys) },
  ]
  return keys
}

const next = <T>(all: T[], now: T): T => all[(all.indexOf(now) + 1) % all.length]
const clamp = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 100) / 100

/** Moves the crosshair as the arrow points on the screen; in 3D, turns. */
function arrow({ viewer }: CasePage, key: string): void {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key] ?? [0, 0]
  if (viewer.layout === 'render') return viewer.stage.turn(5 * dx, 5 * dy)
  const [across, up] = [0, 1, 2].filter((axis) => axis !== viewer.plane)
  // Seen from the feet, the patient's right is on the left of the screen.
  const mirrored = across === 0 && !viewer.look.neurological
  if (dx !== 0) viewer.move(across, mirrored ? -dx : dx)
  else viewer.move(up, dy)
}

function paint({ viewer }: CasePage, editor: NonNullable<CasePage['editor']>): void {
  // In 3D alone, nobody sees in which slice that would be.
  if (viewer.layout === 'render' && editor.isFlat) return say(texts.refine.noSlice)
  if (editor.tool === 'fill') {
    const answer = editor.fill(viewer.position, viewer.plane)
    if (answer) say(answer)
    return
  }
  if (editor.tool === 'click') return editor.click(viewer.position, false)
  // The pointer's stroke goes on until the pointer ends it.
  if (!editor.beginStroke()) return
  editor.brush(viewer.position, viewer.position, viewer.plane)
  editor.endStroke()
}

function goToCase(page: CasePage, name: string | null): void {
  if (name && page.source.of === 'run') location.hash = page.linkTo(name)
}
