// What the server takes in a correction (src/corrections/added.rs and changed.rs): names and values of new structures, and values of voxels.

import { gunzipSync } from 'node:zlib'
import { NAMES, OTHERS, STRUCTURES, voxels } from './volumes.mjs'

const folded = (name) => name.toLowerCase().split(/[\s_-]+/).filter(Boolean).join(' ')
const isSame = (one, other) => folded(one) === folded(other)

/** Why a structure cannot be, whatever other corrections have. */
function fault({ name, value, color }) {
  if (name.trim() !== name || name === '' || [...name].length > 64) return 'needs a name of 1 to 64 characters, without spaces around it'
  if (/[\u0000-\u001f\u007f-\u009f/]/.test(name) || isSame(name, 'background')) return 'cannot have this name'
  if (!/^#[0-9a-f]{6}$/i.test(color)) return `has the colour ${color}`
  const taken = NAMES.find((other) => isSame(other, name))
  return taken ? `has the name of another one, ${taken}` : sharing({ name, value }, [...STRUCTURES, ...OTHERS])
}

function sharing({ name, value }, others) {
  const same = others.find((other) => isSame(other.name, name))
  if (same) return `has the name of another one, ${same.name}`
  const meaning = others.find((other) => other.value === value)
  return meaning ? `has the value ${value}, which is ${meaning.name}` : null
}

/** Values of a label file that occur. */
function valuesOf(file) {
  const bytes = gunzipSync(file)
  const isWide = bytes.readInt16LE(70) === 512
  const data = bytes.subarray(352)
  return new Set(isWide ? new Uint16Array(new Uint8Array(data).buffer) : data)
}

/** The added structures that occur in corrected labels.
 * @param sent those that the request names
 * @param others those of corrections of other cases
 * @param earlier those of the correction that is replaced */
export function accepted({ file, base, kind, sent, others, earlier }, Refused) {
  const all = [...others]
  for (const one of sent) {
    if (all.some((other) => JSON.stringify(other) === JSON.stringify(one))) continue
    const clash = sharing(one, others)
    const wrong = fault(one) ?? clash ?? sharing(one, all)
    if (wrong) throw new Refused(wrong === clash ? 409 : 400, `the new structure "${one.name}" ${wrong}`, null, { clash: wrong === clash || undefined })
    all.push(one)
  }
  for (const one of earlier) if (!all.some(({ name, value }) => name === one.name || value === one.value)) all.push(one)
  const found = valuesOf(file)
  const known = new Set([0, ...[...STRUCTURES, ...all].map(({ value }) => value), ...(base === 'empty' ? [] : voxels(kind, base))])
  const unknown = [...found].filter((value) => !known.has(value))
  if (unknown.length > 0) throw new Refused(400, `the corrected labels hold values without a meaning: ${unknown.join(', ')}`)
  return all.filter(({ value }) => found.has(value))
}
