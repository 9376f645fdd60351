// How images, dates and numbers are written.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundled } from './bundle.mjs'

const { imageText, imagesText } = await bundled('pages/image-name.ts')
const { day, time } = await bundled('dates.ts')
const { rounded } = await bundled('dom.ts')

test('an image is told from others by patient and file, unless they say its name again', () => {
  for (const [image, text] of [
    [{ name: 'Abdomen 1.0', patient: 'P1', file: 'P1/ct' }, 'Abdomen 1.0 (patient P1, P1/ct)'],
    [{ name: 'ct', patient: null, file: 'ct.nii.gz' }, 'ct.nii.gz'],
    [{ name: 'ct', patient: null, file: 'a/ct.nii.gz' }, 'a/ct.nii.gz'],
    [{ name: 'phantom_000.nii.gz', patient: 'phantom_000.nii.gz', file: 'ct0' }, 'phantom_000.nii.gz (ct0)'],
    [{ name: 'phantom_000', patient: 'phantom_000.nii.gz', file: 'phantom_000' }, 'phantom_000'],
    [{ name: 'Abdomen', patient: 'CASE7', file: 'case7.zip' }, 'Abdomen (case7.zip)'],
    [{ name: 'Abdomen', file: null, patient: null }, 'Abdomen'],
  ]) assert.equal(imageText(image), text)
})

test('of many images the first are named, and the others counted', () => {
  const all = ['ct0', 'ct8', 'mr'].map((file) => ({ name: 'series', patient: null, file }))
  assert.equal(imagesText(all.slice(0, 1)), 'series (ct0)')
  assert.equal(imagesText(all.slice(0, 2)), 'series (ct0), series (ct8)')
  assert.equal(imagesText(all), 'series (ct0), series (ct8) and 1 more')
})

test('dates of the archive are written as times of the server; what is no date stays', () => {
  const written = new Date(2024, 0, 31).toLocaleDateString(undefined, { dateStyle: 'medium' })
  assert.equal(day('20240131'), written)
  assert.ok(time(new Date(2024, 0, 31, 9, 5).toISOString()).startsWith(written))
  for (const text of ['', '2024', '20241301', '20240230', 'unknown']) assert.equal(day(text), text)
  assert.equal(time(null), '–')
})

test('what is rounded to 0 has no sign', () => {
  assert.deepEqual([-0.04, 0.04, -0.06, -0, 12.34].map((value) => rounded(value, 1)), ['0.0', '0.0', '-0.1', '0.0', '12.3'])
})
