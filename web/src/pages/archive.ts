// The hospital's archive: a search, the series of a study, and results sent back. Nothing is asked of it before a button is pressed.

import { api, Refusal } from '../api.ts'
import { day } from '../dates.ts'
import { button, dialog, field, fill, h, select } from '../dom.ts'
import { texts } from '../texts.ts'
import type { Study, StudySeries } from '../types.ts'

const t = texts.archive
const MODALITIES = ['CT', 'MR', 'PT']
/** Modalities of objects that are no images to segment: segmentations, radiotherapy, reports. */
const NO_IMAGES = ['SEG', 'RTSTRUCT', 'RTPLAN', 'RTDOSE', 'RTRECORD', 'SR', 'PR', 'KO', 'DOC', 'REG']

export type Take = (study: Study, series: StudySeries) => void

const said = (error: unknown): string => (error instanceof Refusal ? `${error.message} ${error.help ?? ''}` : String(error)).trim()

/** Does what takes a while, with a way to stop it; says what went wrong. */
async function asking(status: HTMLElement, page: AbortSignal, ask: (signal: AbortSignal) => Promise<string>): Promise<void> {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  page.addEventListener('abort', stop)
  status.classList.remove('failure')
  fill(status, `${t.asking} `, button(texts.cancel, stop, { class: 'small' }))
  try {
    fill(status, await ask(stopping.signal))
  } catch (error) {
    fill(status, !stopping.signal.aborted && said(error))
    status.classList.toggle('failure', !stopping.signal.aborted)
  }
  page.removeEventListener('abort', stop)
}

/** The search and what it found; `take` is called with the series that the reader wants. */
export function archivePanel(take: Take, page: AbortSignal): HTMLElement {
  const text = (): HTMLInputElement => h('input', { type: 'text', maxlength: 64, autocomplete: 'off', spellcheck: 'false' })
  const [id, name] = [text(), text()]
  name.title = t.nameHint
  const [from, to] = [h('input', { type: 'date' }), h('input', { type: 'date' })]
  const modality = select([{ value: '', text: t.anyModality }, ...MODALITIES.map((value) => ({ value, text: value }))], '', () => undefined)
  const status = h('p', { role: 'status' })
  const results = h('div', {})
  const find = (event: Event): void => {
    event.preventDefault()
    const [begin, end] = [from, to].map(({ value }) => value.replaceAll('-', ''))
    const date = begin || end ? `${begin}-${end}` : ''
    fill(results)
    void asking(status, page, async (signal) => {
      const { studies, more } = await api.studies({ 'patient-id': id.value, 'patient-name': name.value, date, modality: modality.value }, signal)
      fill(results, studies.length > 0 && list(studies, take, page))
      return more ? t.more(studies.length) : t.found(studies.length)
    })
  }
  return h('section', { class: 'archive', 'aria-label': t.title, 'aria-live': 'off' }, h('h2', {}, t.title), h('p', { class: 'note' }, t.intro),
    h('form', { class: 'actions', onsubmit: find }, field(t.patientId, id), field(t.patientName, name, h('small', {}, t.nameHint)), field(t.from, from), field(t.to, to), field(t.modality, modality),
      h('button', { type: 'submit' }, t.find)),
    status, results)
}


/** `Doe^Jane^^Dr` without its carets. */
const shownName = (name: string): string => name.split('^').filter((part) => part !== '').join(' ')

function list(studies: Study[], take: Take, page: AbortSignal): HTMLElement {
  return h('ul', { class: 'studies', 'aria-label': t.title }, ...studies.map((study) => {
    const below = h('div', { hidden: true })
    const patient = [shownName(study['patient-name']), study['patient-id']].filter((part) => part !== '').join(', ')
    const open = button(t.series, () => {
      below.hidden = !below.hidden
      open.setAttribute('aria-expanded', String(!below.hidden))
      if (!below.hidden && below.childElementCount === 0) void showSeries(below, study, take, page)
    }, { class: 'small', 'aria-expanded': 'false', 'aria-label': t.seriesOf(study.description || patient || study.uid) })
    const about = [day(study.date), study.description || t.unnamed, study.modalities.join(', ')].filter((part) => part !== '')
    return h('li', {}, h('p', { class: 'actions' }, h('strong', {}, patient), ...about.map((text) => h('span', {}, text)), open), below)
  }))
}

async function showSeries(below: HTMLElement, study: Study, take: Take, page: AbortSignal): Promise<void> {
  const [status, items] = [h('p', { role: 'status' }), h('ul', { class: 'plain' })]
  fill(below, status, items)
  await asking(status, page, async (signal) => {
    fill(items, ...(await api.studySeries(study.uid, signal)).map((series) => {
      const name = [series.number === null ? '' : String(series.number), series.modality, series.description || t.unnamed, t.objects(series.instances)].filter((part) => part !== '').join(', ')
      return h('li', {}, name, ' ', !NO_IMAGES.includes(series.modality) && button(t.fetch, () => take(study, series), { class: 'small', 'aria-label': t.fetchWhich(name) }))
    }))
    return ''
  })
  // Asked again when it is opened again.
  if (items.childElementCount === 0 && !status.classList.contains('failure')) fill(below)
}

/** A button that sends labels to the archive, after a question; `renew` lets it send what the labels became since.
 * @param where the request that sends them; where they are being changed, once they are saved */
export function sendButton(where: () => Promise<string>): { element: HTMLElement; renew: () => void } {
  const status = h('span', { role: 'status' })
  let [isSending, isRenewed] = [false, false]
  const tell = (text: string, failed = false): void => {
    status.textContent = text
    status.classList.toggle('failure', failed)
  }
  const send = async (): Promise<void> => {
    isSending = open.disabled = true
    tell(t.sending)
    try {
      const url = await where()
      isRenewed = false
      const { refused } = await api.store(url)
      const isStored = refused.length === 0
      tell(isStored ? t.sent : t.refused(refused.map(({ reason, code }) => `${reason} (${code})`).join('; ')), !isStored)
      open.disabled = isStored && !isRenewed
    } catch (error) {
      tell(said(error), true)
      open.disabled = false
    }
    isSending = false
  }
  const renew = (): void => {
    isRenewed = true
    if (isSending) return
    tell('')
    open.disabled = false
  }
  const open = button(t.send, () => {
    const asked = dialog(t.send, h('p', {}, t.sendQuestion), button(t.sendNow, () => {
      asked.close()
      void send()
    }, { class: 'primary' }))
  }, { 'data-key': 'send' })
  return { element: h('span', { class: 'send' }, open, ' ', status), renew }
}
