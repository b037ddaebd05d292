import { nowMs } from '../harness/time.js'
import type { RawCommit, RawLock } from './raw.js'

/** What a lock could not do without, one after the other and each by itself: EVALSHA, commit, the way over a socket. */
export interface Chain {
  evalsha: number[]
  commit: number[]
  echo: number[]
}

export interface ChainParts {
  rawLock: RawLock
  rawCommit: RawCommit
  /** One bare round trip. */
  echo: () => Promise<void>
}

/** Milliseconds from when it was due, and then from the end of the one before. */
export async function runChain(
  { rawLock, rawCommit, echo }: ChainParts,
  slot: string,
  dueMs: number,
  into: Chain
): Promise<void> {
  let from = dueMs
  const took = (): number => {
    const now = nowMs()
    const ms = now - from
    from = now
    return ms
  }
  await rawLock.take(slot, 'raw')
  into.evalsha.push(took())
  await rawCommit.insert(slot)
  into.commit.push(took())
  await echo()
  into.echo.push(took())
}
