// The room: table, model, lights, camera for the flat page, headset and controllers.

import * as THREE from 'three'
import { OrbitControls } from 'three/addons/controls/OrbitControls.js'
import { Board } from './board.ts'
import { Grab } from './grab.ts'
import { MODEL, MODEL_SIZE, TABLE_HEIGHT } from './layout.ts'

export class Space {
  /** Called with the vertical deflection of a thumbstick, −1 to 1, once a frame. */
  stick: (deflection: number) => void = () => undefined
  readonly board = new Board()
  /** Holds the surfaces in metres, as the file has them; the group moves, they do not. */
  readonly model = new THREE.Group()
  readonly renderer: THREE.WebGLRenderer
  private readonly scene = new THREE.Scene()
  private readonly camera = new THREE.PerspectiveCamera(50, 1, 0.02, 40)
  private readonly controls: OrbitControls
  private readonly grab = new Grab(this.model)
  private readonly surface: HTMLElement
  private home = 1
  private facing = 0

  constructor(surface: HTMLElement, canvas: HTMLCanvasElement) {
    this.surface = surface
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true })
    this.renderer.setPixelRatio(devicePixelRatio)
    this.renderer.xr.enabled = true
    this.renderer.xr.setReferenceSpaceType('local-floor')
    this.scene.background = new THREE.Color(0x0e1115)
    this.scene.add(new THREE.HemisphereLight(0xffffff, 0x556070, 2.2), this.model, this.board.group, table())
    const lamp = new THREE.DirectionalLight(0xffffff, 1.6)
    lamp.position.set(0.6, 2.4, 0.8)
    this.scene.add(lamp)
    this.camera.position.set(MODEL[0], MODEL[1] + 0.25, MODEL[2] + 1.1)
    this.controls = new OrbitControls(this.camera, canvas)
    this.controls.target.set(...MODEL)
    this.controls.update()
    this.controls.saveState()
    this.controls.addEventListener('change', () => this.note())
    this.board.group.visible = false
    for (const i of [0, 1]) this.addController(i)
  }

  /** Puts the surfaces on the table, as large as fits, turned so that `anterior` faces the reader. */
  show(surfaces: THREE.Object3D, anterior: THREE.Vector3): void {
    this.facing = -Math.atan2(anterior.x, anterior.z)
    this.model.add(surfaces)
    const box = new THREE.Box3().setFromObject(surfaces)
    const size = box.getSize(new THREE.Vector3())
    this.home = MODEL_SIZE / Math.max(size.x, size.y, size.z, 1e-6)
    surfaces.position.sub(box.getCenter(new THREE.Vector3()))
    this.reset()
  }

  /** Brings model and reader back to where they were at first. */
  reset(): void {
    this.controls.reset()
    this.model.position.set(...MODEL)
    this.model.rotation.set(0, this.facing, 0)
    this.model.scale.setScalar(this.home)
    this.note()
  }

  /** Where model and reader are: for those who test, and whoever wants to know. */
  private note(): void {
    const { position, quaternion, scale } = this.model
    this.surface.dataset.pose = [...position.toArray(), ...quaternion.toArray(), scale.x / this.home].map((v) => v.toFixed(3)).join(' ')
    this.surface.dataset.camera = this.camera.position.toArray().map((v) => v.toFixed(3)).join(' ')
  }

  private addController(i: number): void {
    const hand = this.renderer.xr.getController(i)
    const ray = new THREE.Line(
      new THREE.BufferGeometry().setFromPoints([new THREE.Vector3(), new THREE.Vector3(0, 0, -1.5)]),
      new THREE.LineBasicMaterial({ color: 0xffd54a }),
    )
    hand.add(ray)
    hand.addEventListener('selectstart', () => {
      hand.updateWorldMatrix(true, false)
      const caster = new THREE.Raycaster()
      caster.setFromXRController(hand)
      if (!this.board.press(caster)) this.grab.take(hand)
    })
    hand.addEventListener('selectend', () => {
      this.grab.release(hand)
      this.note()
    })
    this.scene.add(hand)
  }

  /** Draws until the signal ends it. */
  run(signal: AbortSignal): void {
    const fit = (): void => {
      if (this.renderer.xr.isPresenting) return
      const { clientWidth: width, clientHeight: height } = this.surface
      this.renderer.setSize(width, height, false)
      this.camera.aspect = width / Math.max(1, height)
      this.camera.updateProjectionMatrix()
    }
    const observer = new ResizeObserver(fit)
    observer.observe(this.surface)
    this.renderer.setAnimationLoop(() => {
      this.grab.update()
      if (this.renderer.xr.isPresenting) this.readSticks()
      this.renderer.render(this.scene, this.camera)
    })
    signal.addEventListener('abort', () => {
      observer.disconnect()
      this.renderer.setAnimationLoop(null)
      void this.renderer.xr.getSession()?.end()
      this.controls.dispose()
      this.renderer.dispose()
      this.renderer.forceContextLoss()
    })
  }

  private readSticks(): void {
    for (const source of this.renderer.xr.getSession()?.inputSources ?? []) {
      const deflection = source.gamepad?.axes[3] ?? 0
      if (Math.abs(deflection) > 0.3) this.stick(deflection)
    }
  }

  /** Enters the headset. */
  async enter(ended: () => void): Promise<void> {
    const session = await navigator.xr!.requestSession('immersive-vr', { optionalFeatures: ['local-floor', 'bounded-floor', 'hand-tracking'] })
    this.board.group.visible = true
    session.addEventListener('end', () => {
      this.board.group.visible = false
      ended()
    })
    await this.renderer.xr.setSession(session)
  }

  /** Turns the flat view by angles in radians, and brings it nearer by a factor. */
  orbit(azimuth: number, elevation: number, factor = 1): void {
    const offset = this.camera.position.clone().sub(this.controls.target)
    const at = new THREE.Spherical().setFromVector3(offset)
    at.theta += azimuth
    at.phi += elevation
    at.radius = Math.min(5, Math.max(0.15, at.radius * factor))
    at.makeSafe()
    this.camera.position.copy(this.controls.target).add(offset.setFromSpherical(at))
    this.controls.update()
  }
}

function table(): THREE.Object3D {
  const top = new THREE.Mesh(new THREE.CylinderGeometry(0.42, 0.42, 0.03, 64), new THREE.MeshStandardMaterial({ color: 0x3a4552, roughness: 0.9 }))
  top.position.set(MODEL[0], TABLE_HEIGHT, MODEL[2])
  const foot = new THREE.Mesh(new THREE.CylinderGeometry(0.05, 0.2, TABLE_HEIGHT, 24), top.material)
  foot.position.set(MODEL[0], TABLE_HEIGHT / 2, MODEL[2])
  const floor = new THREE.GridHelper(6, 12, 0x333b45, 0x20262e)
  return new THREE.Group().add(top, foot, floor)
}
