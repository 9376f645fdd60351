// A GLB file with one ellipsoid per structure, in metres, y up, as docs/serve-api.md has it.

const RINGS = 12
const SIDES = 18

function ellipsoid([cx, cy, cz], [rx, ry, rz]) {
  const position = [], normal = [], triangle = []
  for (let i = 0; i <= RINGS; i++) for (let j = 0; j < SIDES; j++) {
    const [a, b] = [(Math.PI * i) / RINGS, (2 * Math.PI * j) / SIDES]
    const n = [Math.sin(a) * Math.cos(b), Math.cos(a), Math.sin(a) * Math.sin(b)]
    position.push(cx + rx * n[0], cy + ry * n[1], cz + rz * n[2])
    normal.push(...n)
  }
  for (let i = 0; i < RINGS; i++) for (let j = 0; j < SIDES; j++) {
    const [p, q, r, s] = [i * SIDES + j, i * SIDES + ((j + 1) % SIDES), (i + 1) * SIDES + j, (i + 1) * SIDES + ((j + 1) % SIDES)]
    triangle.push(p, q, r, q, s, r)
  }
  return { position, normal, triangle }
}

const linear = (hex) => [1, 3, 5].map((i) => (parseInt(hex.slice(i, i + 2), 16) / 255) ** 2.2)

/** Bodies: name, color, centre and radii in mm, x to the right, y to anterior, z to superior. */
export function glb(bodies) {
  const chunks = [], views = [], accessors = [], meshes = [], nodes = [], materials = []
  let length = 0
  const add = (buffer, accessor) => {
    views.push({ buffer: 0, byteOffset: length, byteLength: buffer.length })
    chunks.push(buffer)
    length += buffer.length
    accessors.push({ bufferView: views.length - 1, ...accessor })
    return accessors.length - 1
  }
  bodies.forEach(({ name, color, centre, radii }, i) => {
    const { position, normal, triangle } = ellipsoid(centre, radii)
    const axis = (k) => position.filter((_, at) => at % 3 === k)
    const bounds = { min: [0, 1, 2].map((k) => Math.min(...axis(k))), max: [0, 1, 2].map((k) => Math.max(...axis(k))) }
    const floats = (values) => Buffer.from(Float32Array.from(values).buffer)
    const attributes = {
      POSITION: add(floats(position), { componentType: 5126, count: position.length / 3, type: 'VEC3', ...bounds }),
      NORMAL: add(floats(normal), { componentType: 5126, count: normal.length / 3, type: 'VEC3' }),
    }
    const indices = add(Buffer.from(Uint16Array.from(triangle).buffer), { componentType: 5123, count: triangle.length, type: 'SCALAR' })
    meshes.push({ primitives: [{ attributes, indices, material: i }] })
    nodes.push({ mesh: i, name })
    materials.push({ pbrMetallicRoughness: { baseColorFactor: [...linear(color), 1], metallicFactor: 0, roughnessFactor: 0.7 } })
  })
  // Right, anterior, superior in mm → −x, z, y in metres, as segspec has it.
  const root = { name: 'RAS millimetres', matrix: [-0.001, 0, 0, 0, 0, 0, 0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1], children: nodes.map((_, i) => i) }
  const gltf = {
    asset: { version: '2.0' }, scene: 0, scenes: [{ nodes: [nodes.length] }], nodes: [...nodes, root], meshes, materials, accessors, bufferViews: views,
    buffers: [{ byteLength: length }],
  }
  const pad = (buffer, with_) => Buffer.concat([buffer, Buffer.alloc((4 - (buffer.length % 4)) % 4, with_)])
  const [json, binary] = [pad(Buffer.from(JSON.stringify(gltf)), ' '), pad(Buffer.concat(chunks), 0)]
  const head = (type, size) => { const b = Buffer.alloc(8); b.writeUInt32LE(size, 0); b.write(type, 4, 'latin1'); return b }
  const start = Buffer.alloc(12)
  start.write('glTF', 0, 'latin1')
  start.writeUInt32LE(2, 4)
  start.writeUInt32LE(28 + json.length + binary.length, 8)
  return Buffer.concat([start, head('JSON', json.length), json, head('BIN\0', binary.length), binary])
}
