// The archive of the mock server: three studies. Whoever looks for the patient `down` hears that it does not answer; `silent` waits.

const JANE = { 'patient-id': 'P17', 'patient-name': 'Doe^Jane' }
const STUDIES = [
  { uid: '1.2.1', ...JANE, date: '20240131', description: 'Abdomen', accession: 'A1', modalities: ['CT', 'SEG'], series: 3 },
  { uid: '1.2.2', ...JANE, date: '20250302', description: 'Head', accession: 'A2', modalities: ['MR'], series: 1 },
  { uid: '1.2.3', 'patient-id': 'P18', 'patient-name': 'Roe^Richard', date: '', description: '', accession: '', modalities: ['CT'], series: null },
]
const SERIES = {
  '1.2.1': [
    { uid: '1.2.1.1', number: 1, modality: 'CT', description: 'Scout', instances: 2 },
    { uid: '1.2.1.2', number: 2, modality: 'CT', description: 'Abdomen 1.0', instances: 24 },
    { uid: '1.2.1.3', number: 300, modality: 'SEG', description: 'Liver', instances: 1 },
  ],
  '1.2.2': [{ uid: '1.2.2.1', number: 1, modality: 'MR', description: 'T1', instances: 160 }],
  '1.2.3': [{ uid: '1.2.3.1', number: null, modality: 'CT', description: '', instances: null }],
}
const KEYS = ['patient-id', 'patient-name', 'accession', 'date', 'modality']

const isUid = (text) => /^[\d.]{1,64}$/.test(text ?? '')

/** `Doe*` as a pattern. */
const fits = (pattern, text) => !pattern || new RegExp(`^${pattern.replaceAll(/[^\w*?]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test(text)

/** Refuses where the server was started without an archive. */
export function needed(state, Refused) {
  if (!state.pacs) throw new Refused(409, 'this server knows no archive', 'start it with `--pacs URL` (docs/pacs.md)')
}

async function read(call, Refused) {
  const chunks = []
  for await (const chunk of call.request) chunks.push(chunk)
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch (error) {
    throw new Refused(400, `the request is not understood: ${error.message}`)
  }
}

export async function archive(state, [what, study, series], call, Refused) {
  const { method } = call.request
  const isKnown = (what === 'studies' && study === undefined) || (what === 'studies' && series === 'series') || (what === 'uploads' && study === undefined)
  if (!isKnown) throw new Refused(404, 'there is no such request')
  if (method !== (series === 'series' ? 'GET' : 'POST')) throw new Refused(405, 'the method does not fit')
  needed(state, Refused)
  if (series === 'series') {
    if (!isUid(study)) throw new Refused(400, `\`${study}\` is no UID of a study or series (digits and dots)`)
    if (!SERIES[study]) throw new Refused(400, `there is no study ${study}`)
    return call.send({ series: SERIES[study] })
  }
  const body = await read(call, Refused)
  if (what === 'uploads') {
    for (const uid of [body.study, body.series]) if (!isUid(uid)) throw new Refused(400, `\`${uid}\` is no UID of a study or series (digits and dots)`)
    const found = SERIES[body.study]?.find(({ uid }) => uid === body.series)
    return call.send({ upload: state.jobs.fetched(found, Boolean(body.anonymous), Refused) }, 202)
  }
  if (Object.keys(body).some((key) => !KEYS.includes(key)) || !/^[\d-]{0,17}$/.test(body.date ?? '')) throw new Refused(400, 'the request is not understood')
  if (body['patient-id'] === 'down') throw new Refused(502, 'the archive: http://pacs:8042/dicom-web: Connection refused')
  if (body['patient-id'] === 'silent') return
  const [begin, end] = (body.date || '-').split('-')
  const studies = STUDIES.filter((each) => fits(body['patient-id'], each['patient-id']) && fits(body['patient-name'], each['patient-name'])
    && (!body.modality || each.modalities.includes(body.modality)) && (!begin || each.date >= begin) && (!end || each.date <= end))
  call.send({ studies, more: false })
}
