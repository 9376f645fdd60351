// Curves of a training: loss on the left axis, Dice on the right, as one SVG that scales with the page.

import { h } from './dom.ts'
import { texts } from './texts.ts'
import type { Curves } from './types.ts'

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 260, 48, 44, 14, 34]

function svg(tag: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  if (text !== undefined) element.textContent = text
  return element
}

/** Round numbers that divide a range into about `n` parts. */
export function ticks(from: number, to: number, n: number): number[] {
  const raw = (to - from) / n
  if (!(raw > 0)) return [from]
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10)
  const first = Math.ceil(from / step - 1e-9) * step
  return Array.from({ length: Math.floor((to - first) / step + 1e-9) + 1 }, (_, i) => Number((first + i * step).toPrecision(12)))
}

interface Line {
  name: string
  color: string
  values: (number | null)[]
  y: (value: number) => number
}

export function chart(curves: Curves, epochs: number | null): HTMLElement {
  const last = Math.max(epochs ?? 0, curves.epoch.at(-1) ?? 1, 2)
  const losses = curves.loss.filter((value): value is number => value !== null && Number.isFinite(value))
  const low = Math.min(0, ...losses)
  const high = Math.max(low + 1e-6, ...losses)
  const x = (epoch: number): number => LEFT + ((epoch - 1) / (last - 1)) * (WIDTH - LEFT - RIGHT)
  const scale = (from: number, to: number) => (value: number): number => HEIGHT - BOTTOM - ((value - from) / (to - from)) * (HEIGHT - TOP - BOTTOM)
  const lines: Line[] = [
    { name: texts.run.loss, color: 'var(--curve-loss)', values: curves.loss, y: scale(low, high) },
    { name: texts.run.validationDice, color: 'var(--curve-dice)', values: curves['validation-dice'], y: scale(0, 1) },
  ]
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': summary(curves, lines) })
  for (const value of ticks(low, high, 4)) {
    const y = lines[0].y(value)
    picture.append(svg('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: 'grid' }))
    picture.append(svg('text', { x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, String(value)))
  }
  for (const value of [0, 0.5, 1]) picture.append(svg('text', { x: WIDTH - RIGHT + 6, y: lines[1].y(value) + 4 }, String(value)))
  for (const value of ticks(1, last, 6).filter(Number.isInteger)) {
    picture.append(svg('text', { x: x(value), y: HEIGHT - BOTTOM + 18, 'text-anchor': 'middle' }, String(value)))
  }
  for (const line of lines) picture.append(...drawn(line, curves.epoch, x))
  const legend = h('figcaption', {}, ...lines.map((line) => {
    const mark = h('i', { class: 'swatch', 'aria-hidden': 'true' })
    mark.style.background = line.color
    return h('span', {}, mark, line.name)
  }))
  return h('figure', { class: 'curves' }, picture as unknown as HTMLElement, legend)
}

/** The line and its points; epochs without a value are passed over, since not every epoch validates. */
function drawn(line: Line, epochs: number[], x: (epoch: number) => number): SVGElement[] {
  const points = epochs.flatMap((epoch, i) => {
    const value = line.values[i]
    return value === null || value === undefined || !Number.isFinite(value) ? [] : [[x(epoch), line.y(value), epoch, value]]
  })
  const path = svg('polyline', { points: points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' '), stroke: line.color, class: 'curve' })
  const dots = points.slice(points.length > 150 ? -1 : 0).map(([cx, cy, epoch, value]) => {
    const dot = svg('circle', { cx, cy, r: 2.5, fill: line.color })
    dot.append(svg('title', {}, texts.run.chart(line.name, epoch, value.toFixed(4))))
    return dot
  })
  return [path, ...dots]
}

function summary(curves: Curves, lines: Line[]): string {
  const parts = lines.flatMap((line) => {
    const at = line.values.findLastIndex((value) => value !== null && value !== undefined)
    return at < 0 ? [] : [texts.run.chart(line.name, curves.epoch[at], line.values[at]!.toFixed(4))]
  })
  return parts.join('; ')
}
