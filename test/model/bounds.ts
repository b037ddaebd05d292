import type { Bounds } from './words.js'

/**
 * The whole protocol with everything at once has more states than anyone can visit. So it is visited several times,
 * each time with some things allowed to happen often and others not at all.
 */
export type Configuration =
  | 'two slots'
  | 'one slot'
  | 'swept'
  | 'replaces'
  | 'late'
  | 'versions'
  | 'three users'
  | 'screen'
export type Size = 'small' | 'large'

const nothing: Bounds = {
  users: 2,
  slots: 1,
  attempts: 2,
  sends: 0,
  packets: 3,
  timeouts: 0,
  periods: 0,
  lates: 0,
  sweeps: 0,
  revokes: 0,
  crashes: 0,
  replaces: false,
  extends: false,
  books: true,
  versions: 'none'
}

/** What every run of the tests visits: about half a minute on one core. */
const small: { [name in Configuration]: Bounds } = {
  /** Locks of one slot and of two, that overlap; resent, released, booked, lapsed, taken over. */
  'two slots': { ...nothing, slots: 2, sends: 3, timeouts: 1, periods: 1 },
  /** Longer stories about one slot; locks are extended. */
  'one slot': { ...nothing, sends: 4, timeouts: 1, periods: 2, extends: true },
  /** Instances sweep and staff revoke. */
  swept: { ...nothing, sends: 3, timeouts: 1, periods: 1, sweeps: 1, revokes: 1 },
  /** A lock takes the place of an older one, of which it may keep slots. */
  replaces: { ...nothing, slots: 2, sends: 3, timeouts: 1, periods: 1, replaces: true },
  /** Packets arrive after their deadline. */
  late: { ...nothing, sends: 3, timeouts: 2, periods: 1, lates: 2 },
  /** Versions come from clocks that disagree, and one of them forgets what it knew. */
  versions: { ...nothing, slots: 2, sends: 2, timeouts: 1, periods: 1, crashes: 1, versions: 'clocks' },
  'three users': {
    ...nothing,
    users: 3,
    attempts: 1,
    sends: 3,
    packets: 4,
    timeouts: 1,
    periods: 1,
    sweeps: 1
  },
  /** A screen watches while events are lost, doubled and overtaken. */
  screen: {
    ...nothing,
    slots: 2,
    attempts: 1,
    sends: 2,
    packets: 2,
    versions: 'counted',
    screen: { events: 3, losses: 1, doubles: 1, reads: 2 }
  }
}

/** For a change of the protocol: a quarter of an hour, and up to two gigabytes. */
const large: { [name in Configuration]: Bounds } = {
  'two slots': { ...small['two slots'], timeouts: 2, sweeps: 1 },
  'one slot': { ...small['one slot'], sweeps: 1, revokes: 1 },
  swept: { ...small.swept, sends: 4, periods: 2 },
  replaces: { ...small.replaces, lates: 1 },
  late: { ...small.late, extends: true, sweeps: 1 },
  versions: { ...small.versions, attempts: 2, extends: true, sweeps: 1 },
  'three users': { ...small['three users'], slots: 2, timeouts: 0 },
  screen: { ...small.screen, timeouts: 1, periods: 1, screen: { events: 3, losses: 2, doubles: 1, reads: 2 } }
}

export const bounds: { [size in Size]: { [name in Configuration]: Bounds } } = { small, large }
export const configurations = Object.keys(small) as Configuration[]
