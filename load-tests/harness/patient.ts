import { pause } from './time.js'
import type { Answer } from './ws-driver.js'

/** A service that is BUSY so often in a row is not busy but broken. */
const triesMax = 20
const waitMs = 250

/** Does what the contract asks of a client: BUSY means the same request again, after the time it says. */
export async function patiently<A extends Answer>(
  send: () => Promise<A>,
  onBusy: () => void = () => {}
): Promise<A> {
  for (let tries = 1; ; tries++) {
    const answer = await send()
    if (answer.ok || answer.error.code !== 'BUSY' || tries === triesMax) return answer
    onBusy()
    await pause(answer.error.retryAfterMs ?? waitMs)
  }
}
