// How an image is called in a list: by its name, and by what tells it from others of that name.

import { texts } from '../texts.ts'

/** What the server knows of an image. */
export interface Named {
  name: string
  /** Its file, or the folder of its slices. */
  file?: string | null
  patient?: string | null
}

/** Most images of an upload that are named. */
const MOST = 2

const base = (path: string): string => path.split('/').pop() ?? path
const stem = (text: string): string => base(text).toLowerCase().replace(/\.(nii(\.gz)?|(seg\.)?nrrd|dcm|png|tiff?|zip)$/, '')

/** The patient, unless that only says the name again: converters write the name of the file there. */
export const patientOf = ({ name, file, patient }: Named): string | null =>
  patient && ![name, file ?? ''].map(stem).includes(stem(patient)) ? patient : null

export function imageText(image: Named): string {
  const { name, file } = image
  const patient = patientOf(image)
  // The file of an image has its name, and an ending that says more.
  const shown = file && base(file).startsWith(name) ? file : name
  const more = [patient && texts.segment.patient(patient), file !== shown && file].filter(Boolean)
  return more.length > 0 ? `${shown} (${more.join(', ')})` : shown
}

/** All images of an upload: the first ones by name, the others by number. */
export function imagesText(images: Named[]): string {
  const named = images.slice(0, MOST).map(imageText).join(', ')
  return images.length > MOST ? texts.uploads.andMore(named, images.length - MOST) : named
}
