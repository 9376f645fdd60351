// A slice of the image as a picture in space.

import * as THREE from 'three'
import type { Shown } from '../view/load.ts'
import type { Window } from '../view/presets.ts'
import type { Vec3 } from '../voxel/grid.ts'
import { toWorld } from '../voxel/grid.ts'

/** Corners of a voxel slice in world mm, from its outer edges; axis 0 of the picture changes fastest. */
export function corners(shown: Shown, plane: number, slice: number): Vec3[] {
  const { display } = shown.orientation
  const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
  return [[0, 0], [1, 0], [0, 1], [1, 1]].map(([a, b]) => {
    const point: Vec3 = [0, 0, 0]
    point[plane] = slice
    point[u] = a * display.dims[u] - 0.5
    point[v] = b * display.dims[v] - 0.5
    return toWorld(display, point)
  })
}

/** Grey levels of a slice, 0 to 255. */
export function greys(shown: Shown, { low, high }: Window, plane: number, slice: number): { data: Uint8Array; width: number; height: number } {
  const { dims } = shown.orientation.display
  const [u, v] = [0, 1, 2].filter((axis) => axis !== plane)
  const strides = [1, dims[0], dims[0] * dims[1]]
  const data = new Uint8Array(4 * dims[u] * dims[v])
  let at = 0
  for (let j = 0; j < dims[v]; j++) {
    for (let i = 0; i < dims[u]; i++) {
      const stored = shown.voxels[slice * strides[plane] + i * strides[u] + j * strides[v]]
      const level = Math.max(0, Math.min(255, (255 * (shown.slope * stored + shown.intercept - low)) / (high - low)))
      data.fill(level, at, at + 3)
      data[at + 3] = 255
      at += 4
    }
  }
  return { data, width: dims[u], height: dims[v] }
}

/** The slice as a mesh in the space of the surfaces; `fromWorld` takes mm to it. */
export class Slice {
  readonly mesh: THREE.Mesh<THREE.BufferGeometry, THREE.MeshBasicMaterial>
  private readonly shown: Shown
  private readonly window: Window
  private readonly fromWorld: THREE.Matrix4

  constructor(shown: Shown, window: Window, fromWorld: THREE.Matrix4) {
    this.shown = shown
    this.window = window
    this.fromWorld = fromWorld
    const geometry = new THREE.BufferGeometry()
    geometry.setAttribute('position', new THREE.BufferAttribute(new Float32Array(12), 3))
    geometry.setAttribute('uv', new THREE.BufferAttribute(Float32Array.of(0, 0, 1, 0, 0, 1, 1, 1), 2))
    geometry.setIndex([0, 1, 2, 2, 1, 3])
    this.mesh = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ side: THREE.DoubleSide }))
  }

  count(plane: number): number {
    return this.shown.orientation.display.dims[plane]
  }

  place(plane: number, slice: number): void {
    const position = this.mesh.geometry.getAttribute('position') as THREE.BufferAttribute
    corners(this.shown, plane, slice).forEach((corner, i) => {
      const point = new THREE.Vector3(...corner).applyMatrix4(this.fromWorld)
      position.setXYZ(i, point.x, point.y, point.z)
    })
    position.needsUpdate = true
    this.mesh.geometry.computeBoundingSphere()
    const { data, width, height } = greys(this.shown, this.window, plane, slice)
    this.mesh.material.map?.dispose()
    const map = new THREE.DataTexture(data, width, height, THREE.RGBAFormat)
    map.colorSpace = THREE.SRGBColorSpace
    map.magFilter = map.minFilter = THREE.LinearFilter
    map.needsUpdate = true
    this.mesh.material.map = map
    this.mesh.material.needsUpdate = true
  }
}
