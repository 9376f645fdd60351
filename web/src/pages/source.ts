// Cases from the different places that have them: runs, jobs, and files.

import { api, Refusal } from '../api.ts'
import type { Source } from '../route.ts'
import { texts } from '../texts.ts'
import type { Case } from '../types.ts'

const NOTHING = { reference: null, prediction: null, probabilities: [], structures: [], volumes: {}, scores: {}, worst: null, next: null, previous: null, correction: null }

export async function loadCase(source: Source): Promise<Case> {
  if (source.of === 'run') return api.case(source.run, source.name)
  if (source.of === 'file') {
    const image = await api.fileImage(source.path)
    return { ...NOTHING, case: source.path, images: [image] }
  }
  const job = await api.job(source.job)
  if (!job.result) throw new Refusal(409, job.error ?? `${texts.segment.title}: ${texts.segment.states[job.state]}`, null)
  const { images, prediction, structures, volumes, probabilities = [], 'taken-values': taken, 'taken-names': names, 'takes-clicks': takes } = job.result
  return { ...NOTHING, case: images[0].name, images, prediction, structures, probabilities, volumes: { prediction: volumes }, 'taken-values': taken, 'taken-names': names, 'takes-clicks': takes, downloads: job.result.downloads, correction: job.correction ?? null }
}
