// Where things stand in the room, in metres; the floor is at y = 0 and the reader looks along −z.

/** Middle of the model, above the table. */
export const MODEL: [number, number, number] = [0, 1.15, -0.7]
/** Longest side of the model at the start. */
export const MODEL_SIZE = 0.5
export const TABLE_HEIGHT = 0.8

const PANEL: [number, number, number] = [-0.62, 1.45, -0.75]
export const ROW: [number, number] = [0.36, 0.055]
const STEP = 0.065

/** Middle of a row of the panel in the room; rows count from the top. */
export const rowPlace = (row: number): [number, number, number] => [PANEL[0], PANEL[1] - row * STEP, PANEL[2]]
