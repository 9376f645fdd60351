// A board of rows in the room, which a ray can press: structures, slice, reset.

import * as THREE from 'three'
import { ROW, rowPlace } from './layout.ts'

export interface Row {
  text: string
  color: string | null
  isOn: boolean
  press: () => void
}

export class Board {
  readonly group = new THREE.Group()
  private rows: { row: Row; mesh: THREE.Mesh<THREE.PlaneGeometry, THREE.MeshBasicMaterial> }[] = []

  set(rows: Row[]): void {
    for (const { mesh } of this.rows) {
      mesh.material.map?.dispose()
      mesh.material.dispose()
      mesh.geometry.dispose()
    }
    this.group.clear()
    this.rows = rows.map((row, i) => {
      const mesh = new THREE.Mesh(new THREE.PlaneGeometry(...ROW), new THREE.MeshBasicMaterial({ map: picture(row) }))
      mesh.position.set(...rowPlace(i))
      this.group.add(mesh)
      return { row, mesh }
    })
  }

  /** Presses the row that a ray meets; false if it meets none. */
  press(ray: THREE.Raycaster): boolean {
    const hit = ray.intersectObjects(this.rows.map(({ mesh }) => mesh), false)[0]
    const found = this.rows.find(({ mesh }) => mesh === hit?.object)
    found?.row.press()
    return found !== undefined
  }
}

function picture({ text, color, isOn }: Row): THREE.CanvasTexture {
  const canvas = document.createElement('canvas')
  canvas.width = 512
  canvas.height = Math.round((512 * ROW[1]) / ROW[0])
  const context = canvas.getContext('2d')!
  context.fillStyle = isOn ? '#26313d' : '#14181d'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.strokeStyle = '#7b8794'
  context.lineWidth = 4
  context.strokeRect(2, 2, canvas.width - 4, canvas.height - 4)
  if (color) {
    context.fillStyle = color
    context.globalAlpha = isOn ? 1 : 0.3
    context.fillRect(18, 20, canvas.height - 40, canvas.height - 40)
  }
  context.globalAlpha = 1
  context.fillStyle = isOn ? '#ffffff' : '#9aa5b1'
  context.font = '38px system-ui, sans-serif'
  context.textBaseline = 'middle'
  context.fillText(text, color ? canvas.height : 24, canvas.height / 2, canvas.width - canvas.height - 20)
  const texture = new THREE.CanvasTexture(canvas)
  texture.colorSpace = THREE.SRGBColorSpace
  return texture
}
