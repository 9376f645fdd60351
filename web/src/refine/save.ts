// Saves the refined labels by itself, a moment after the last change; one save at a time, and none is lost.

import { api, Refusal } from '../api.ts'
import type { Source } from '../route.ts'
import { texts } from '../texts.ts'
import type { Correction } from '../types.ts'
import type { Viewer } from '../view/viewer.ts'
import { gzip, write } from '../voxel/nifti.ts'
import { toFile } from '../voxel/orient.ts'
import type { Editor } from './editor.ts'

const WAIT_MS = 1500
const AGAIN_MS = 15_000
const t = texts.refine

export class Saver {
  /** Called with what to show about saving. */
  told: (text: string, failed: boolean) => void = () => undefined
  saved: (correction: Correction) => void = () => undefined
  /** Called with what was saved, for its downloads. */
  offered: (correction: Correction) => void = () => undefined
  private dirty = false
  private saving = false
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly source: Source
  private readonly viewer: Viewer
  private readonly editor: Editor

  constructor(source: Source, viewer: Viewer, editor: Editor, signal: AbortSignal) {
    this.source = source
    this.viewer = viewer
    this.editor = editor
    addEventListener('beforeunload', (event) => { if (this.dirty || this.saving) event.preventDefault() }, { signal })
    signal.addEventListener('abort', () => void this.flush())
  }

  /** Notes a change. */
  touch(): void {
    this.dirty = true
    this.told(t.unsaved, false)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.flush(), WAIT_MS)
  }

  /** Saves now, if there is something to save. */
  async flush(): Promise<void> {
    clearTimeout(this.timer)
    if (!this.dirty || this.saving) return
    this.saving = true
    this.dirty = false
    this.told(t.saving, false)
    try {
      const correction = await api.correct(this.source, await this.file(), this.base, this.editor.added)
      this.saved(correction)
      this.offered(correction)
      this.told(t.saved(new Date().toLocaleTimeString()), false)
    } catch (error) {
      this.dirty = true
      const why = error instanceof Refusal ? `${error.message} ${error.help ?? ''}` : String(error)
      this.told(t.saveFailed(why.trim()), true)
      this.timer = setTimeout(() => void this.flush(), AGAIN_MS)
      this.saving = false
      return
    }
    this.saving = false
    // What was changed while the save went on.
    if (this.dirty) this.touch()
  }

  /** What the labels go back to in the end: an earlier correction goes on upon its own base. */
  private get base(): 'prediction' | 'reference' | 'empty' {
    const { base } = this.editor
    if (base !== 'correction') return base
    return this.viewer.of.correction?.base ?? (this.viewer.of.prediction ? 'prediction' : 'empty')
  }

  /** The labels on the grid of the file, voxel for voxel. */
  private async file(): Promise<Uint8Array<ArrayBuffer>> {
    const { orientation } = this.viewer.shown
    const data = this.viewer.layers.palette.valuesOf(toFile(orientation, this.editor.slots))
    return gzip(write({ grid: orientation.file, data, slope: 1, intercept: 0 }))
  }
}
