// Clicks that a network follows: each goes to the server with the current labels, and the answer is an edit that can be undone.

import { api, Refusal } from '../api.ts'
import type { Source } from '../route.ts'
import { texts } from '../texts.ts'
import type { Viewer } from '../view/viewer.ts'
import type { Edit } from '../voxel/edit.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { toWorld } from '../voxel/grid.ts'
import { gzip, read, unzip, write } from '../voxel/nifti.ts'
import { toDisplay, toFile } from '../voxel/orient.ts'
import type { Editor } from './editor.ts'

/** A click as the server takes it. */
export interface Click {
  structure: string
  'at-mm': Vec3
  positive: boolean
}

/** Most clicks that are sent: the newest ones. */
const MOST = 100
const t = texts.refine

export class Clicker {
  /** Whether clicks say that the structure is not there. */
  negative = false
  private session: string | null = null
  private busy = false
  /** Clicks, each with the edit that takes back what it did. */
  private made: { click: Click; inverse: Edit | null }[] = []
  private readonly source: Source
  private readonly viewer: Viewer
  private readonly editor: Editor

  constructor(source: Source, viewer: Viewer, editor: Editor, signal: AbortSignal) {
    this.source = source
    this.viewer = viewer
    this.editor = editor
    signal.addEventListener('abort', () => { if (this.session) void api.closeClicks(this.session).catch(() => undefined) })
  }

  /** Follows a click at a voxel of the display grid; says what came of it. */
  async follow(at: Vec3, negative: boolean): Promise<string> {
    const { editor, viewer } = this
    const { structure } = viewer.layers.palette.slots[editor.slot]
    if (!structure || editor.added.includes(structure)) return t.clickUnknown
    if (this.busy) return t.clickBusy
    this.busy = true
    try {
      const click = { structure: structure.name, 'at-mm': toWorld(viewer.shown.orientation.display, at.map(Math.round) as Vec3), positive: !negative }
      // What was undone was no click.
      this.made = this.made.filter(({ inverse }) => inverse === null || editor.did(inverse)).slice(1 - MOST)
      const sent = editor.slots.slice()
      const found = await this.ask(sent, [...this.made.map((each) => each.click), click])
      const { text, inverse } = editor.merge(sent, found)
      this.made.push({ click, inverse })
      return text
    } finally {
      this.busy = false
    }
  }

  /** The labels after the last click, in slots. A session that has ended is opened anew, once. */
  private async ask(slots: Uint8Array, clicks: Click[]): Promise<Uint8Array> {
    const { orientation } = this.viewer.shown
    const { palette } = this.viewer.layers
    const data = palette.valuesOf(toFile(orientation, slots))
    const file = await gzip(write({ grid: orientation.file, data, slope: 1, intercept: 0 }))
    const isNew = this.session === null
    this.session ??= await api.openClicks(this.source)
    try {
      const answer = read(await unzip(await api.click(this.session, file, clicks)))
      return palette.slotsOf(toDisplay(orientation, answer.data))
    } catch (error) {
      this.session = null
      if (isNew || !(error instanceof Refusal) || error.status !== 404) throw error
      return this.ask(slots, clicks)
    }
  }
}
