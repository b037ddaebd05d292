import type { Random } from '../../domain/clock.js'
import type { UnavailableReason } from '../../domain/errors.js'

/**
 * When Redis counts as broken: signals and a time go in, the next state comes out. Nothing here waits or asks.
 *
 * GREEN. Requests use Redis, and a round of proof is made once a second, or 250 ms after a failure. Leaves for RED at one connection error, which
 *   is certain, or at the second failure in a row of any other kind: one timeout is an unlucky moment, two are a
 *   frozen server. Any success in between starts the count anew.
 *
 * RED. Requests skip Redis and pay nothing for it. Rounds of proof go on, after 250 ms at first and then half as long
 *   again each time, to 2 s at most, each with some chance, so that a fleet does not knock as one. What comes in from
 *   requests that were under way is old news and changes nothing. A round that succeeds leads to YELLOW.
 *
 * YELLOW. Requests still skip Redis; a round every 250 ms. After three good ones in a row, the one that led here
 *   included, GREEN. One bad round: RED.
 *
 * It begins in YELLOW, not knowing, and there the first good round is enough: the caution is for what has failed.
 *
 * Flapping: whoever was GREEN for less than 10 s goes back to RED with the pause it had, not with the shortest one, so
 * a server that comes and goes is asked less and less.
 *
 * Our own slowness: when this process stood still for longer than a command may take, timers fire before the answers that lie in the socket
 * are read, and a whole burst of commands "times out" against a healthy Redis. So a timeout that comes with such a
 * stall does not count. That excuse ends after a second without any success: a process that stalls all the time must
 * still find out that Redis is frozen.
 */
export interface BreakerState {
  color: BreakerColor
  /** When it took this colour; like every time here, of a clock that never steps. */
  since: number
  /** Failures in a row while green. */
  failures: number
  /** Good rounds in a row while not green, and how many it takes. */
  goodRounds: number
  roundsNeeded: number
  /** The pause between rounds while red. */
  pauseMs: number
  /** Until then timeouts are our own doing. */
  stalledUntil: number
  /** When the first of the timeouts came that were excused since the last success. */
  excusedSince: number | undefined
  /** What the last failure that counted said. */
  lastError: string | undefined
}

export type BreakerColor = 'green' | 'yellow' | 'red'

export type BreakerSignal =
  /** A request's command was answered, or was not. */
  | { kind: 'ok' }
  | { kind: 'failed'; reason: UnavailableReason; what: string }
  /** A round of proof went well, or did not. */
  | { kind: 'proved' }
  | { kind: 'disproved'; reason: UnavailableReason; what: string }
  /** Our own event loop stood still. */
  | { kind: 'stalled' }

const failuresMax = 2
const roundsToGreen = 3
const greenRoundMs = 1_000
const pauseMinMs = 250
const pauseMaxMs = 2_000
const pauseGrowth = 1.5
const steadyMs = 10_000
/** What was sent around the end of a stall may time out so much later. */
const stallEchoMs = 60
const excuseMaxMs = 1_000

export function initialBreaker(now: number): BreakerState {
  return {
    color: 'yellow',
    since: now,
    failures: 0,
    goodRounds: 0,
    roundsNeeded: 1,
    pauseMs: pauseMinMs,
    stalledUntil: Number.NEGATIVE_INFINITY,
    excusedSince: undefined,
    lastError: undefined
  }
}

export function nextBreaker(state: BreakerState, signal: BreakerSignal, now: number): BreakerState {
  if (signal.kind === 'stalled') return { ...state, stalledUntil: now + stallEchoMs }
  if (signal.kind === 'failed' || signal.kind === 'disproved') {
    if (signal.kind === 'failed' && state.color !== 'green') return state
    if (signal.reason === 'timeout' && excused(state, now)) {
      return { ...state, excusedSince: state.excusedSince ?? now }
    }
  }
  switch (state.color) {
    case 'green':
      return nextOfGreen(state, signal, now)
    case 'yellow':
    case 'red':
      return nextOfNotGreen(state, signal, now)
    default:
      return state.color satisfies never
  }
}

/** Until the next round of proof: within a fifth of what the state says. */
export function roundDelayMs(state: BreakerState, random: Random): number {
  const delayMs = {
    green: state.failures > 0 ? pauseMinMs : greenRoundMs,
    yellow: pauseMinMs,
    red: state.pauseMs
  }[state.color]
  return Math.round(delayMs * (0.8 + 0.4 * random()))
}

type Counted = Exclude<BreakerSignal, { kind: 'stalled' }>

function nextOfGreen(state: BreakerState, signal: Counted, now: number): BreakerState {
  if (signal.kind === 'ok' || signal.kind === 'proved') {
    // nearly always so: nothing to forget, nothing to make
    if (state.failures === 0 && state.excusedSince === undefined) return state
    return { ...state, failures: 0, excusedSince: undefined }
  }
  const failures = state.failures + 1
  if (signal.reason !== 'connection' && failures < failuresMax) {
    return { ...state, failures, lastError: signal.what }
  }
  return {
    ...state,
    color: 'red',
    since: now,
    failures: 0,
    goodRounds: 0,
    roundsNeeded: roundsToGreen,
    pauseMs: now - state.since >= steadyMs ? pauseMinMs : longer(state.pauseMs),
    lastError: signal.what
  }
}

function nextOfNotGreen(state: BreakerState, signal: Counted, now: number): BreakerState {
  switch (signal.kind) {
    case 'proved': {
      const goodRounds = state.goodRounds + 1
      const color = goodRounds >= state.roundsNeeded ? 'green' : 'yellow'
      return {
        ...state,
        color,
        since: color === state.color ? state.since : now,
        goodRounds,
        excusedSince: undefined
      }
    }
    case 'disproved':
      return {
        ...state,
        color: 'red',
        since: state.color === 'red' ? state.since : now,
        goodRounds: 0,
        pauseMs: longer(state.pauseMs),
        lastError: signal.what
      }
    case 'ok':
    case 'failed':
      return state
    default:
      return signal satisfies never
  }
}

function excused(state: BreakerState, now: number): boolean {
  return now <= state.stalledUntil && now - (state.excusedSince ?? now) <= excuseMaxMs
}

const longer = (pauseMs: number): number => Math.min(pauseMs * pauseGrowth, pauseMaxMs)
