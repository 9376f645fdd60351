// Versions of corrections: nobody's work is replaced unseen.

let last = 0

/** A correction with a version of its own. */
export const versioned = (correction) => ({ ...correction, version: `v${++last}` })

/** Refuses a request that names another correction than there is. */
export function seen({ headers }, there, Refused) {
  const wanted = headers['if-match']
  const isThere = there ? wanted === `"${there.version}"` : headers['if-none-match'] === '*'
  if (wanted === undefined && headers['if-none-match'] === undefined) return
  if (!isThere) throw new Refused(412, there ? `${there.who} saved another correction of this case at ${there.when}` : 'the correction was withdrawn meanwhile', 'nothing was changed; read the case again')
}
