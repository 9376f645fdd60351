// A slice of the image as a picture in space.

import * as THREE from 'three'
import type { Shown } from '../view/load.ts'
import type { Window } from '../view/presets.ts'
import { corners, greys } from '../voxel/slice.ts'

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
    corners(this.shown.orientation.display, plane, slice).forEach((corner, i) => {
      const point = new THREE.Vector3(...corner).applyMatrix4(this.fromWorld)
      position.setXYZ(i, point.x, point.y, point.z)
    })
    position.needsUpdate = true
    this.mesh.geometry.computeBoundingSphere()
    const { slope, intercept } = this.shown
    const levels = { slope, intercept, ...this.window }
    const { data, width, height } = greys(this.shown.voxels, this.shown.orientation.display.dims, levels, plane, slice)
    this.mesh.material.map?.dispose()
    const map = new THREE.DataTexture(data, width, height, THREE.RGBAFormat)
    map.colorSpace = THREE.SRGBColorSpace
    map.magFilter = map.minFilter = THREE.LinearFilter
    map.needsUpdate = true
    this.mesh.material.map = map
    this.mesh.material.needsUpdate = true
  }
}
