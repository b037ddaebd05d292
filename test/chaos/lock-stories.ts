import type { Call } from './history.js'

/** What the calls tell about one acknowledged lock. */
export interface LockStory {
  id: string
  session: string
  slots: string[]
  fence: number
  /** First send of the request that made it. */
  askedAt: number
  /** Arrival of the first answer that said `held`. */
  heldFrom: number
  /** Answers that said it lives, and for how long. */
  lives: { sentAt: number; receivedAt: number; expiresInMs: number }[]
  /** Attempts to end it that succeeded or may have; a refusal says that nothing was changed, and is held to it. */
  ends: Call[]
  /** An extension whose outcome nobody knows: it may live longer than any answer said. */
  mayLiveOn: boolean
  calls: Call[]
}

export const requestKey = (call: Call): string => `${call.op} ${call.session} ${call.requestId}`

/** The attempts of each named request, in the order in which they were sent. */
export function requestsOf(calls: readonly Call[]): Map<string, Call[]> {
  const requests = new Map<string, Call[]>()
  for (const call of calls) {
    if (call.requestId === undefined) continue
    const key = requestKey(call)
    const attempts = requests.get(key)
    if (attempts === undefined) requests.set(key, [call])
    else attempts.push(call)
  }
  return requests
}

/** `calls` in the order in which they were sent. Only locks that somebody was told to hold have a story. */
export function storiesOf(calls: readonly Call[]): Map<string, LockStory> {
  const stories = new Map<string, LockStory>()
  for (const attempts of requestsOf(calls.filter(call => call.op === 'lock')).values()) {
    const held = attempts.filter(({ answer, result }) => answer === 'OK' && result?.lock?.state === 'held')
    const first = held.reduce<Call | undefined>(
      (found, call) => (found === undefined || call.receivedAt < found.receivedAt ? call : found),
      undefined
    )
    const lock = first?.result?.lock
    if (first === undefined || lock === undefined) continue
    stories.set(lock.id, {
      id: lock.id,
      session: first.session,
      slots: lock.slots,
      fence: lock.fence,
      askedAt: attempts[0]!.sentAt,
      heldFrom: first.receivedAt,
      lives: held.map(livesOf),
      ends: [],
      mayLiveOn: false,
      calls: [...attempts]
    })
  }
  for (const call of calls) tell(stories, call)
  return stories
}

function tell(stories: ReadonlyMap<string, LockStory>, call: Call): void {
  const replaced = call.replaces === undefined ? undefined : stories.get(call.replaces)
  if (replaced !== undefined) {
    if (mayHaveHappened(call)) replaced.ends.push(call)
    replaced.calls.push(call)
  }
  const story = call.lock === undefined ? undefined : stories.get(call.lock)
  if (story === undefined) return
  story.calls.push(call)
  switch (call.op) {
    case 'extend':
      if (call.answer === 'OK' && call.result?.lock?.state === 'held') story.lives.push(livesOf(call))
      else if (unknownOutcome(call)) story.mayLiveOn = true
      break
    case 'release':
    case 'revoke':
    case 'book':
      if (mayHaveHappened(call)) story.ends.push(call)
      break
    default:
      break
  }
}

const livesOf = ({ sentAt, receivedAt, result }: Call): LockStory['lives'][number] => ({
  sentAt,
  receivedAt,
  expiresInMs: result!.lock!.expiresInMs
})

const mayHaveHappened = (call: Call): boolean => call.answer === 'OK' || unknownOutcome(call)

/** Nobody knows whether it was carried out, or will be. */
export const unknownOutcome = ({ answer }: Call): boolean => answer === 'LOST' || answer === 'OUTCOME_UNKNOWN'

/**
 * Until when its holder may rely on it: counted, as the contract tells holders to, from when the request was sent,
 * which is earlier than when the service counted.
 */
export function livesAtLeastUntil(story: LockStory, asKnownAt = Number.POSITIVE_INFINITY): number {
  let end = Number.NEGATIVE_INFINITY
  for (const { sentAt, receivedAt, expiresInMs } of story.lives) {
    if (receivedAt <= asKnownAt) end = Math.max(end, sentAt + expiresInMs)
  }
  return end
}

/** When it was over at the latest, if nothing ended it sooner. */
export function livesAtMostUntil(story: LockStory): number {
  if (story.mayLiveOn) return Number.POSITIVE_INFINITY
  return Math.max(...story.lives.map(({ receivedAt, expiresInMs }) => receivedAt + expiresInMs))
}

/** When its holder must stop relying on it: the end of its time, or the first attempt of anybody to end it. */
export function reliedOnUntil(story: LockStory): number {
  return story.ends.reduce((end, { sentAt }) => Math.min(end, sentAt), livesAtLeastUntil(story))
}
