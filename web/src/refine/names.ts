// Names of new structures, by the server's rules (src/corrections/added.rs): a name that it refuses would keep everything from being saved.

import { texts } from '../texts.ts'

/** Most characters of a name. */
const LONGEST = 64
const t = texts.refine

const folded = (name: string): string => name.split(/[\p{White_Space}_-]+/u).filter((word) => word !== '').map((word) => word.toLowerCase()).join(' ')

/** Whether two names are the same to the server: capital letters, spaces, hyphens and underscores make no difference. */
export const isSameName = (one: string, other: string): boolean => folded(one) === folded(other)

/** Why a new structure cannot have a name; null if it can.
 * @param taken names of other structures
 * @param elsewhere names that no structure of the page has, and that are not free either
 * @param others names of structures of the dataset that the run does not segment */
export function nameFault(name: string, taken: string[], elsewhere: string[] = [], others: string[] = []): string | null {
  // The server counts characters, where JavaScript counts halves of some.
  if (name.trim() === '' || [...name].length > LONGEST) return t.nameMissing(LONGEST)
  if (/[\p{Cc}\p{Cs}/]/u.test(name) || isSameName(name, 'background')) return t.nameWrong
  const isIt = (other: string): boolean => isSameName(other, name)
  const same = taken.find(isIt)
  if (same !== undefined) return t.nameTaken(same)
  const unsegmented = others.find(isIt)
  if (unsegmented !== undefined) return t.nameUnsegmented(unsegmented)
  const other = elsewhere.find(isIt)
  return other === undefined ? null : t.nameElsewhere(other)
}
