// Curves of a training: loss on the left axis, Dice on the right, as one SVG that is drawn for the width it gets, so that its texts stay
// readable on a phone.

import { h } from './dom.ts'
import { texts } from './texts.ts'
import type { Curves } from './types.ts'

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 280, 56, 48, 28, 44]
/** Room that a number below the axis needs. */
const NUMBER = 70

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
  return Array.from({ length: Math.floor((to - first) / step + 1e-9) + 1 }, (_, i) => tidy(first + i * step))
}

const tidy = (value: number): number => Number(value.toPrecision(12))

/** Round numbers for the lines of a grid that has 4 or 5 parts, so that the other axis, from 0 to 1, has round numbers there, too. */
export function gridOf(low: number, high: number): number[] {
  // The difference of two finite numbers may be none.
  const raw = Math.max(high / 5 - low / 5, 1e-9)
  for (let power = 10 ** Math.floor(Math.log10(raw)); Number.isFinite(5 * power); power *= 10) {
    for (const factor of [1, 2, 2.5, 5]) {
      const step = factor * power
      const from = Math.floor(low / step + 1e-9) * step
      if (!Number.isFinite(from + 5 * step)) break
      for (const parts of [4, 5]) if (from + parts * step >= high - 1e-9 * step) return Array.from({ length: parts + 1 }, (_, i) => tidy(from + i * step))
    }
  }
  // No round numbers reach that far.
  return [0, 1, 2, 3, 4].map((i) => tidy(low * (1 - i / 4) + high * (i / 4)))
}

interface Line {
  name: string
  color: string
  values: (number | null)[]
  y: (value: number) => number
}

/** A figure with the curves; `epochs` is how many there will be. */
export function chart(curves: Curves, epochs: number | null): HTMLElement {
  const figure = h('figure', { class: 'curves' })
  let drawn = 0
  const draw = (width: number): void => {
    if (width === drawn) return
    drawn = width
    figure.querySelector('svg')?.remove()
    figure.prepend(picture(curves, epochs, width))
  }
  const legend = h('figcaption', {}, ...linesOf(curves, [0, 1]).map(({ name, color }) => {
    const mark = h('i', { class: 'swatch', 'aria-hidden': 'true' })
    mark.style.background = color
    return h('span', {}, mark, name)
  }))
  figure.append(legend)
  draw(WIDTH)
  // It ends with the figure, which nothing else holds.
  new ResizeObserver(([entry]) => { if (entry.contentRect.width > 0) draw(Math.round(entry.contentRect.width)) }).observe(figure)
  return figure
}

/** @param lossRange lowest and highest loss of the axis */
function linesOf(curves: Curves, [from, to]: [number, number]): Line[] {
  const scale = (low: number, high: number) => (value: number): number => HEIGHT - BOTTOM - ((value / 4 - low / 4) / (high / 4 - low / 4)) * (HEIGHT - TOP - BOTTOM)
  return [
    { name: texts.run.loss, color: 'var(--curve-loss)', values: curves.loss, y: scale(from, to) },
    { name: texts.run.validationDice, color: 'var(--curve-dice)', values: curves['validation-dice'], y: scale(0, 1) },
  ]
}

function picture(curves: Curves, epochs: number | null, width: number): SVGElement {
  const last = Math.max(epochs ?? 0, curves.epoch.at(-1) ?? 1, 2)
  const losses = curves.loss.filter((value): value is number => value !== null && Number.isFinite(value))
  const grid = gridOf(Math.min(0, ...losses), Math.max(1e-6, ...losses))
  const lines = linesOf(curves, [grid[0], grid.at(-1)!])
  const x = (epoch: number): number => LEFT + ((epoch - 1) / (last - 1)) * (width - LEFT - RIGHT)
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': summary(curves, lines) })
  drawing.append(...axes(grid, lines, width))
  for (const value of ticks(1, last, Math.max(2, Math.min(8, Math.floor((width - LEFT - RIGHT) / NUMBER)))).filter(Number.isInteger)) {
    drawing.append(svg('text', { x: x(value), y: HEIGHT - BOTTOM + 17, 'text-anchor': 'middle' }, String(value)))
  }
  for (const line of lines) drawing.append(...drawn(line, curves.epoch, x))
  return drawing
}

/** One grid for both axes, their numbers, and what they are, in the colours of the curves. */
function axes(grid: number[], [loss, dice]: Line[], width: number): SVGElement[] {
  const all = grid.flatMap((value, i) => {
    const y = loss.y(value)
    return [
      svg('line', { x1: LEFT, x2: width - RIGHT, y1: y, y2: y, class: 'grid' }),
      svg('text', { x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, String(value)),
      svg('text', { x: width - RIGHT + 6, y: y + 4 }, String(tidy(i / (grid.length - 1)))),
    ]
  })
  const title = (text: string, color: string, attributes: Record<string, string | number>): SVGElement => svg('text', { class: 'axis', style: `fill: ${color}`, ...attributes }, text)
  return [...all, title(loss.name, loss.color, { x: 4, y: 14 }), title(dice.name, dice.color, { x: width - 4, y: 14, 'text-anchor': 'end' }),
    title(texts.run.epoch, 'var(--muted)', { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 8, 'text-anchor': 'middle' })]
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
