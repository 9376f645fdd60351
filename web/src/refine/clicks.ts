// Clicks that a network follows: each goes to the server with the current labels, and the answer is an edit that can be undone.

import { api, Refusal } from '../api.ts'
import { say } from '../dom.ts'
import type { Source } from '../route.ts'
import { texts } from '../texts.ts'
import type { Click } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { toWorld } from '../voxel/grid.ts'
import { gzip, read, unzip, write } from '../voxel/nifti.ts'
import { toDisplay, toFile } from '../voxel/orient.ts'
import type { Editor } from './editor.ts'

/** Most clicks of a request, and characters of its header that lists them: the newest ones are sent. */
const MOST = 100
const LONGEST = 24_000
const t = texts.refine

export class Clicker {
  /** Whether clicks say that background is there. */
  negative = false
  /** The click that is being followed. */
  waiting: Click | null = null
  /** Called when one begins or ends to be followed. */
  changed: () => void = () => undefined
  private session: Promise<string> | null = null
  private readonly source: Source
  private readonly viewer: Viewer
  private readonly editor: Editor
  private readonly signal: AbortSignal

  constructor(source: Source, viewer: Viewer, editor: Editor, signal: AbortSignal) {
    this.source = source
    this.viewer = viewer
    this.editor = editor
    this.signal = signal
    signal.addEventListener('abort', () => this.close())
    addEventListener('pagehide', () => this.close(), { signal })
  }

  /** Lets the server read image and network before the first click. What goes wrong is said at the click. */
  prepare(): void {
    this.opened().catch(() => undefined)
  }

  /** Follows a click at a voxel of the display grid, and says what came of it. */
  async follow(at: Vec3, negative: boolean): Promise<void> {
    const { structure } = this.viewer.layers.palette.slots[this.editor.slot]
    if (!structure || structure.added) return say(t.clickUnknown, 'error', 'click')
    if (this.waiting) return say(t.clickBusy)
    const { display } = this.viewer.shown.orientation
    const voxel = at.map((v, axis) => Math.min(display.dims[axis] - 1, Math.max(0, Math.round(v)))) as Vec3
    const mm = toWorld(display, voxel).map((v) => Number(v.toFixed(3))) as Vec3
    this.waiting = { structure: structure.name, 'at-mm': mm, positive: !negative }
    this.changed()
    try {
      const sent = this.editor.slots.slice()
      const found = await this.ask(sent, [...this.editor.clicks, this.waiting])
      if (this.signal.aborted) return
      const { text, followed } = this.editor.merge(sent, found, this.waiting, voxel)
      say(text, followed ? 'note' : 'error', 'click')
    } catch (error) {
      if (!this.signal.aborted) say(error instanceof Refusal ? error.text : String(error), 'error', 'click')
    } finally {
      this.waiting = null
      this.changed()
    }
  }

  private opened(): Promise<string> {
    const opening = this.session ??= api.openClicks(this.source, this.signal)
    opening.catch(() => { if (this.session === opening) this.session = null })
    return opening
  }

  private close(): void {
    this.session?.then((session) => api.closeClicks(session)).catch(() => undefined)
    this.session = null
  }

  /** The labels after the last click, in slots. A session that has ended is opened anew, once. */
  private async ask(slots: Uint8Array, clicks: Click[]): Promise<Uint8Array> {
    const { orientation } = this.viewer.shown
    const { palette } = this.viewer.layers
    // A new structure can get another value while the network is at work.
    const { numbering } = palette
    const data = palette.valuesOf(toFile(orientation, slots))
    const file = await gzip(write({ grid: orientation.file, data, slope: 1, intercept: 0 }))
    const header = listed(clicks)
    const followed = async (): Promise<Uint8Array<ArrayBuffer>> => api.click(await this.opened(), file, header, this.signal)
    const bytes = await followed().catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.status !== 404 || !this.session) throw error
      this.session = null
      return followed()
    })
    return palette.slotsOf(toDisplay(orientation, read(await unzip(bytes)).data), numbering)
  }
}

/** The newest clicks as a header. */
function listed(clicks: Click[]): string {
  for (let first = Math.max(0, clicks.length - MOST); ; first++) {
    const text = encodeURIComponent(JSON.stringify(clicks.slice(first)))
    if (text.length <= LONGEST || first >= clicks.length - 1) return text
  }
}
