// Saves the refined labels by itself, a moment after the last change; one save at a time, and none is lost. A save names the correction that
// it takes the place of: where somebody else saved one meanwhile, nothing is replaced, and the person decides. Where another case got a new
// structure with the name or value of one here, the one here gives way, and nobody need decide.

import { api, Refusal } from '../api.ts'
import { clock, time } from '../dates.ts'
import { say } from '../dom.ts'
import type { Draft } from '../pages/downloads.ts'
import { loadCase } from '../pages/source.ts'
import type { Source } from '../route.ts'
import { texts } from '../texts.ts'
import type { Correction } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import { gzip, write } from '../voxel/nifti.ts'
import { toFile } from '../voxel/orient.ts'
import type { Editor } from './editor.ts'
import { giveWay } from './renumber.ts'

const WAIT_MS = 1500
const AGAIN_MS = 15_000
/** The server refuses a save that names another correction than there is. */
const CHANGED = 412
/** How often a save gives way before it fails: others may go on adding structures. */
const MOST_AGAIN = 3
const t = texts.refine

export class Saver implements Draft {
  /** Called with what to show about saving. */
  told: (text: string, failed: boolean) => void = () => undefined
  /** Called with what was saved, and its labels. */
  saved: (correction: Correction, slots: Uint8Array) => void = () => undefined
  /** Called with what was saved, for its downloads. */
  offered: (correction: Correction) => void = () => undefined
  /** Called when somebody else's correction is in the way, with it (null: it was withdrawn), and when it no longer is (undefined). */
  conflicted: (theirs: Correction | null | undefined) => void = () => undefined
  /** The labels of the last save, or those that refining began with. */
  since: Uint8Array
  /** Why the last save failed; null if it did not. */
  failure: string | null = null
  private dirty = false
  private conflicting = false
  private saving: Promise<void> | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  /** The version of the correction that is there, as far as is known; null: none. */
  private seen: string | null
  private readonly source: Source
  private readonly viewer: Viewer
  private readonly editor: Editor
  private readonly signal: AbortSignal

  constructor(source: Source, viewer: Viewer, editor: Editor, signal: AbortSignal) {
    this.source = source
    this.viewer = viewer
    this.editor = editor
    this.signal = signal
    this.since = editor.slots.slice()
    this.seen = viewer.of.correction?.version ?? null
    addEventListener('beforeunload', (event) => { if (this.pending) event.preventDefault() }, { signal })
    signal.addEventListener('abort', () => clearTimeout(this.timer))
  }

  /** Whether something is not saved yet. */
  get pending(): boolean {
    return this.dirty || this.saving !== null
  }

  /** The same with a stroke that is under way. */
  get unsaved(): boolean {
    return this.pending || this.editor.isDrawing
  }

  /** Notes a change. */
  touch(): void {
    this.dirty = true
    if (this.conflicting) return
    this.told(t.unsaved, false)
    this.later()
  }

  /** Saves in a moment. A stroke may still be given up, and what there is of it is not saved by itself. */
  private later(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => (this.editor.isDrawing ? this.later() : void this.flush()), WAIT_MS)
  }

  /** Saves now, if there is something to save and nobody else's work is in the way. */
  flush(): Promise<void> {
    clearTimeout(this.timer)
    if (this.saving) return this.saving
    if (!this.dirty || this.conflicting) return Promise.resolve()
    this.saving = this.save().finally(() => {
      this.saving = null
      // What was changed while the save went on.
      if (this.dirty && this.failure === null && !this.signal.aborted) this.touch()
    })
    return this.saving
  }

  /** Saves everything; false if that cannot be. */
  async settle(): Promise<boolean> {
    do await this.flush()
    while (this.pending && this.failure === null)
    return !this.pending
  }

  /** Saves everything for a file that is made of it; a stroke ends here. */
  async latest(): Promise<Correction | { failure: string }> {
    this.editor.endStroke()
    const { correction } = (await this.settle()) ? this.viewer.of : { correction: null }
    return correction ?? { failure: this.failure ?? t.nothing }
  }

  /** Saves from now on in place of a correction that the person has decided about; null: there is none. */
  over(version: string | null): void {
    this.seen = version
    this.conflicting = false
    this.conflicted(undefined)
    this.dirty = true
    void this.flush()
  }

  /** @param times how often this save has given way */
  private async save(times = 0): Promise<void> {
    // What belongs together: drawing goes on while the file is being made and sent.
    const slots = this.editor.slots.slice()
    const { drawnUpon } = this.editor
    // Every save names all of them: the server forgets a structure with its last voxel, and undo may bring it back.
    const structures = this.viewer.layers.palette.addedIn(slots)
    // A stroke that is under way goes on, or is given up.
    this.dirty = this.editor.isDrawing
    this.told(t.saving, false)
    try {
      const correction = await api.correct(this.source, await this.file(slots), drawnUpon, structures, this.seen)
      this.seen = correction.version
      this.since = slots
      this.failure = null
      this.saved(correction, slots)
      this.offered(correction)
      this.told(t.saved(clock()), false)
    } catch (error) {
      this.dirty = true
      if (!(error instanceof Refusal)) this.fail(error)
      else if (error.status === CHANGED) await this.meet(error)
      else if (error.isClash && times < MOST_AGAIN && (await this.giveWay())) await this.save(times + 1)
      else this.fail(error)
    }
  }

  /** Makes new structures agree with those that other corrections have by now; false if they cannot be asked for. */
  private async giveWay(): Promise<boolean> {
    try {
      const known = await loadCase(this.source)
      if (this.signal.aborted) return false
      const note = giveWay(this.viewer, known)
      if (note) say(note)
      this.viewer.draw()
      return true
    } catch {
      return false
    }
  }

  private fail(error: unknown): void {
    this.failure = error instanceof Refusal ? [error.message, error.help].filter(Boolean).join('; ') : String(error)
    this.told(t.saveFailed(this.failure), true)
    if (!this.signal.aborted) this.timer = setTimeout(() => void this.flush(), AGAIN_MS)
  }

  /** Learns whose correction is in the way. */
  private async meet(refusal: Refusal): Promise<void> {
    try {
      const { correction } = await loadCase(this.source)
      this.conflicting = true
      this.failure = correction ? t.conflict(correction.who, time(correction.when)) : t.withdrawn
      this.told(t.saveFailed(this.failure), true)
      this.conflicted(correction)
    } catch {
      this.fail(refusal)
    }
  }

  /** Labels on the grid of the file, voxel for voxel. */
  async file(slots = this.editor.slots): Promise<Uint8Array<ArrayBuffer>> {
    const { orientation } = this.viewer.shown
    const data = this.viewer.layers.palette.valuesOf(toFile(orientation, slots))
    return gzip(write({ grid: orientation.file, data, slope: 1, intercept: 0 }))
  }
}
