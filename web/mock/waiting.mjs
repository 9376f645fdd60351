// Durations of the mock server. They may change while something lasts: a test holds it with a long one, and lets it go with a short one.

const TICK_MS = 20

/** Waits for as many milliseconds as `duration` says in the end. Nothing waits for this alone: a test that is over ends. */
export async function lasting(duration) {
  const since = Date.now()
  while (Date.now() - since < duration()) await new Promise((next) => setTimeout(next, Math.min(TICK_MS, duration())).unref())
}
