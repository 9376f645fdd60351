// An emulated headset with two controllers.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const IWER = fileURLToPath(new URL('../../node_modules/iwer/build/iwer.min.js', import.meta.url))

/** A headset for the page. Chromium's own WebXR has none; without `forceInstall` the emulator would leave it in place. */
export const headset = () => `${readFileSync(IWER, 'utf8')}
;(() => {
  const { XRDevice, metaQuest3 } = globalThis.IWER
  const device = new XRDevice(metaQuest3)
  device.installRuntime({ forceInstall: true })
  device.position.set(0, 1.6, 0.2)
  globalThis.headset = device
})()`

/** Quaternion that turns −z to a direction. */
export function towards([x, y, z]) {
  const length = Math.hypot(x, y, z)
  const d = [x / length, y / length, z / length]
  const q = [d[1], -d[0], 0, 1 - d[2]]
  const n = Math.hypot(...q)
  return q.map((v) => v / n)
}

export const hold = (page, side, place, turn = [0, 0, 0, 1]) => page.evaluate(([name, p, q]) => {
  const hand = globalThis.headset.controllers[name]
  hand.position.set(...p)
  hand.quaternion.set(...q)
}, [side, place, turn])

export const trigger = async (page, side, value) => {
  await page.evaluate(([name, v]) => globalThis.headset.controllers[name].updateButtonValue('trigger', v), [side, value])
  await page.waitForTimeout(400)
}

export const pose = (page) => page.locator('.surface').evaluate((surface) => surface.dataset.pose.split(' ').map(Number))
