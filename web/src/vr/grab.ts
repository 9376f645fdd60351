// Moving the model with the hands: one hand carries and turns it, two hands also scale it.

import * as THREE from 'three'

const [SMALLEST, LARGEST] = [0.05, 20]

export class Grab {
  private readonly model: THREE.Object3D
  private readonly hands = new Set<THREE.Object3D>()
  /** Matrix of the model in the space of the hands, when they took hold. */
  private held: THREE.Matrix4 | null = null
  private span = 1

  constructor(model: THREE.Object3D) {
    this.model = model
  }

  take(hand: THREE.Object3D): void {
    this.hands.add(hand)
    this.hold()
  }

  release(hand: THREE.Object3D): void {
    this.hands.delete(hand)
    this.hold()
  }

  get isHolding(): boolean {
    return this.hands.size > 0
  }

  /** Takes hold anew: whenever the number of hands changes. */
  private hold(): void {
    if (this.hands.size === 0) {
      this.held = null
      return
    }
    this.model.updateMatrixWorld()
    this.span = this.spread()
    this.held = this.frame().invert().multiply(this.model.matrixWorld)
  }

  /** Distance between two hands. */
  private spread(): number {
    const [a, b] = [...this.hands].map((hand) => hand.getWorldPosition(new THREE.Vector3()))
    return b ? Math.max(0.02, a.distanceTo(b)) : 1
  }

  /** Where the hands are, how they are turned, and how far apart compared with when they took hold. */
  private frame(): THREE.Matrix4 {
    const [first, second] = [...this.hands]
    first.updateWorldMatrix(true, false)
    if (!second) return first.matrixWorld.clone()
    second.updateWorldMatrix(true, false)
    const [a, b] = [first, second].map((hand) => hand.getWorldPosition(new THREE.Vector3()))
    const x = b.clone().sub(a).normalize()
    // The hands' own up directions say how the pair is rolled about the line between them.
    const up = [first, second].reduce((sum, hand) => sum.add(new THREE.Vector3(0, 1, 0).applyQuaternion(hand.getWorldQuaternion(new THREE.Quaternion()))), new THREE.Vector3())
    const z = x.clone().cross(up)
    if (z.lengthSq() < 1e-6) z.copy(x).cross(new THREE.Vector3(0, 0, 1))
    z.normalize()
    const scale = this.spread() / this.span
    return new THREE.Matrix4().makeBasis(x, z.clone().cross(x), z).scale(new THREE.Vector3(scale, scale, scale)).setPosition(a.add(b).multiplyScalar(0.5))
  }

  /** Moves the model with the hands; once a frame. */
  update(): void {
    if (!this.held) return
    const world = this.frame().multiply(this.held)
    const scale = new THREE.Vector3().setFromMatrixScale(world).x
    if (scale < SMALLEST || scale > LARGEST) return
    const parent = this.model.parent
    if (parent) world.premultiply(parent.matrixWorld.clone().invert())
    world.decompose(this.model.position, this.model.quaternion, this.model.scale)
  }
}
