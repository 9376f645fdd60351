// The colours of probabilities. They must not be taken for those of structures, and 0.1 must not look like 0.9: nothing is drawn at 0, and
// opacity grows with the value.

/** What NiiVue calls them. */
export const PROBABILITY = 'segspec-probability'

/** Red, green, blue from 0 to 1, in equal steps: violet to magenta, which no palette of structures has as bright. */
const COLORS = [[106, 61, 255], [200, 0, 255], [255, 0, 160]]
const MOST_OPAQUE = 0.7

const share = (i: number): number => i / (COLORS.length - 1)

/** As NiiVue takes them. The first colour is that of the next one, without opacity, so that edges do not darken. */
export const probabilityColors = (): { R: number[]; G: number[]; B: number[]; A: number[]; I: number[] } => {
  const channel = (at: number): number[] => COLORS.map((color) => color[at])
  const scale = (most: number): number[] => COLORS.map((_, i) => Math.round(most * share(i)))
  return { R: channel(0), G: channel(1), B: channel(2), A: scale(255 * MOST_OPAQUE), I: scale(255) }
}

/** The same as a CSS gradient from left to right. */
export const probabilityGradient = (): string =>
  `linear-gradient(90deg, ${COLORS.map((color, i) => `rgb(${color.join(' ')} / ${MOST_OPAQUE * share(i)})`).join(', ')})`
