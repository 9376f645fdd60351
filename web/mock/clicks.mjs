// Clicks of the mock server: the "network" puts a ball of the structure, or of background, where the newest click is.

import { gunzipSync, gzipSync } from 'node:zlib'
import { CASES } from './runs.mjs'
import { STRUCTURES } from './volumes.mjs'
import { lasting } from './waiting.mjs'

const RADIUS_MM = 12
const MOST = 100

/** Answers `/api/clicks…`. `state.clicked` lists the clicks of each request; `state.clickMs` is how long one takes, `state.clickError` what goes wrong,
 * `state.clickInto` the structure that the network makes whatever one clicks. */
export async function clicks(state, [id], call, Refused) {
  const { method } = call.request
  const body = Buffer.concat(await all(call.request))
  if (id === undefined && method === 'POST') return open(state, JSON.parse(body.toString()), call, Refused)
  if (!state.sessions.has(id)) throw new Refused(404, 'there is no such session of clicks', 'open it anew: it ends when it is not used, or when others are opened')
  if (method === 'DELETE') {
    state.sessions.delete(id)
    call.response.writeHead(204)
    return call.response.end()
  }
  const list = JSON.parse(decodeURIComponent(call.request.headers['segspec-clicks'] ?? 'null'))
  if (!Array.isArray(list) || list.length < 1 || list.length > MOST) throw new Refused(400, 'send 1 to 100 clicks, the newest last')
  state.clicked.push(list)
  await lasting(() => state.clickMs)
  if (state.clickError) throw new Refused(400, state.clickError)
  call.send(followed(body, { ...list.at(-1), ...(state.clickInto && { structure: state.clickInto }) }, Refused), 200, 'application/gzip')
}

function open(state, wanted, call, Refused) {
  const run = state.runs.get(wanted.run)
  if (wanted.job === undefined && (!run || !CASES[wanted.case])) throw new Refused(404, 'there is no such case')
  const id = `s${(state.lastSession += 1)}`
  state.sessions.set(id, wanted)
  call.send({ session: id, structures: STRUCTURES, most: MOST }, 201)
}

/** The label file with a ball around a click. */
function followed(file, { structure, 'at-mm': at, positive }, Refused) {
  const found = STRUCTURES.find(({ name }) => name === structure)
  if (!found) throw new Refused(400, `click 1: unknown structure \`${structure}\``)
  const bytes = Buffer.from(gunzipSync(file))
  const [nx, ny, nz] = [42, 44, 46].map((place) => bytes.readInt16LE(place))
  const wide = bytes.readInt16LE(70) === 512
  const m = Array.from({ length: 12 }, (_, i) => bytes.readFloatLE(280 + 4 * i))
  const value = positive ? found.value : 0
  let place = 0
  for (let z = 0; z < nz; z++) for (let y = 0; y < ny; y++) for (let x = 0; x < nx; x++, place++) {
    const mm = [0, 4, 8].map((r) => m[r] * x + m[r + 1] * y + m[r + 2] * z + m[r + 3])
    if (Math.hypot(...mm.map((v, axis) => v - at[axis])) > RADIUS_MM) continue
    if (wide) bytes.writeUInt16LE(value, 352 + 2 * place)
    else bytes.writeUInt8(value, 352 + place)
  }
  return gzipSync(bytes)
}

async function all(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}
