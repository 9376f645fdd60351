// One time of refining: from switching it on until everything is saved.

import { hush } from '../dom.ts'
import type { Draft } from '../pages/downloads.ts'
import type { Source } from '../route.ts'
import type { About } from '../types.ts'
import type { Touches } from '../view/touch.ts'
import type { Viewer } from '../view/viewer.ts'
import { actionBar } from './bar.ts'
import { Clicker } from './clicks.ts'
import { saveOrAsk } from './conflict.ts'
import { Editor } from './editor.ts'
import { marking } from './marks.ts'
import type { RefinePanel } from './panel.ts'
import { refinePanel } from './panel.ts'
import { painting } from './pointer.ts'
import { Saver } from './save.ts'

export class Session implements Draft {
  readonly editor: Editor
  readonly clicker: Clicker | null
  /** Whether a correction was saved. */
  hasSaved = false
  private readonly saver: Saver
  private readonly controls: RefinePanel
  private readonly actions: RefinePanel
  private readonly ending = new AbortController()
  private place: () => void = () => undefined
  private readonly viewer: Viewer

  constructor(viewer: Viewer, source: Source, touches: Touches, about: About, left: AbortSignal) {
    this.viewer = viewer
    const { layers, of } = viewer
    const { signal } = this.ending
    left.addEventListener('abort', () => this.ending.abort())
    const editor = new Editor(viewer, layers.correction ? 'correction' : layers.prediction ? 'prediction' : layers.reference ? 'reference' : 'empty')
    this.editor = editor
    this.saver = new Saver(source, viewer, editor, signal)
    this.clicker = of['takes-clicks'] ? this.clicking(source, touches.surface, signal) : null
    this.actions = actionBar(editor, this.saver)
    this.controls = refinePanel(viewer, editor, this.saver, this.clicker, about, signal)
    editor.edited = () => {
      this.saver.touch()
      viewer.changed()
    }
    this.saver.saved = (correction, slots) => {
      of.correction = correction
      layers.correction = slots
      this.hasSaved = true
      hush('save')
      // The rest of the page offers its files, too.
      viewer.changed()
    }
    painting(viewer, editor, touches, signal)
  }

  get element(): HTMLElement {
    return this.controls.element
  }

  /** Undo, redo and saving, to be shown where they stay in view. */
  get bar(): HTMLElement {
    return this.actions.element
  }

  /** Whether something is not saved yet. */
  get unsaved(): boolean {
    return this.saver.unsaved
  }

  /** Saves everything for a file of the labels. */
  latest(): ReturnType<Draft['latest']> {
    return this.saver.latest()
  }

  update(): void {
    this.controls.update()
    this.actions.update()
    this.place()
  }

  /** Saves what is not saved yet; asks where that cannot be. False: refining goes on. */
  mayEnd(): Promise<boolean> {
    // Its rest is not drawn any more, and what there is of it is saved.
    this.editor.endStroke()
    return saveOrAsk(this.viewer, this.saver)
  }

  end(): void {
    this.ending.abort()
  }

  /** Lets the network follow clicks, and marks them on the slices. */
  private clicking(source: Source, surface: HTMLElement, signal: AbortSignal): Clicker {
    const { editor, viewer } = this
    const clicker = new Clicker(source, viewer, editor, signal)
    editor.chosen = (tool) => { if (tool === 'click') clicker.prepare() }
    editor.click = (at, negative) => void clicker.follow(at, negative !== clicker.negative)
    this.place = marking(viewer, surface, () => ({ made: editor.clicks, waiting: clicker.waiting }), signal)
    clicker.changed = () => {
      surface.classList.toggle('waiting', clicker.waiting !== null)
      if (!signal.aborted) viewer.changed()
    }
    return clicker
  }
}
