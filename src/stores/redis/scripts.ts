import { StoreContractError } from '../../domain/errors.js'
import { defineScript } from './script.js'

/** Every script of lua/, typed once. What each does and means is said at the top of its file. */

const only =
  <const S extends string>(status: S) =>
  (): { status: S } => ({ status })

/** Redis' integers arrive as numbers; anything else in that place is a bug. */
function integer(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new StoreContractError(`expected an integer, got ${JSON.stringify(value)}`)
}

function text(value: unknown): string {
  if (typeof value === 'string') return value
  throw new StoreContractError(`expected a string, got ${JSON.stringify(value)}`)
}

export const slotsReserve = defineScript('slots_reserve', {
  keys: ['generation_key', '...slot_keys'],
  args: ['lock', 'replaces', 'pending_ms', 'deadline_ms'],
  reply: {
    RESERVED: only('RESERVED'),
    /** `positions` count from 0. */
    TAKEN: rest => ({ status: 'TAKEN' as const, positions: rest.map(position => integer(position) - 1) }),
    STALE: only('STALE'),
    LATE: only('LATE')
  }
})

export const slotsUnreserve = defineScript('slots_unreserve', {
  keys: ['...slot_keys'],
  args: ['lock', 'tombstone_ms'],
  reply: { UNRESERVED: ([count]) => ({ status: 'UNRESERVED' as const, count: integer(count) }) }
})

export const slotsSettle = defineScript('slots_settle', {
  keys: ['...slot_keys'],
  args: ['channel', 'event', 'day_prefix', 'day_rows_max', 'deadline_ms', '...rows'],
  reply: {
    SETTLED: ([written]) => ({ status: 'SETTLED' as const, written: integer(written) }),
    LATE: only('LATE')
  }
})

export const hydrateBegin = defineScript('hydrate_begin', {
  keys: ['generation_key'],
  args: ['nonce', 'fill_ms', 'alive_ms', 'unless_ready', 'deadline_ms'],
  reply: {
    BEGUN: only('BEGUN'),
    UNDERWAY: only('UNDERWAY'),
    READY: only('READY'),
    LATE: only('LATE')
  }
})

export const hydratePut = defineScript('hydrate_put', {
  keys: ['generation_key', '...slot_keys'],
  args: ['nonce', 'fill_ms', 'deadline_ms', '...rows'],
  reply: {
    PUT: ([written]) => ({ status: 'PUT' as const, written: integer(written) }),
    OVERTAKEN: only('OVERTAKEN'),
    LATE: only('LATE')
  }
})

export const hydrateEnd = defineScript('hydrate_end', {
  keys: ['generation_key'],
  args: ['nonce', 'generation_ms'],
  reply: { READY: only('READY'), OVERTAKEN: only('OVERTAKEN') }
})

export const selectionPut = defineScript('selection_put', {
  keys: ['selection_key', 'index_key'],
  args: ['viewer', 'slot', 'seq', 'ttl_ms', 'deadline_ms', 'channel', 'event'],
  reply: { PUT: only('PUT'), REMOVED: only('REMOVED'), OLDER: only('OLDER'), LATE: only('LATE') }
})

export const selectionsRead = defineScript('selections_read', {
  keys: ['index_key'],
  args: ['selection_prefix', 'selections_max'],
  reply: {
    SELECTIONS: rest => {
      const entries: { viewer: string; value: string; leftMs: number }[] = []
      for (let i = 0; i < rest.length; i += 3) {
        entries.push({ viewer: text(rest[i]), value: text(rest[i + 1]), leftMs: integer(rest[i + 2]) })
      }
      return { status: 'SELECTIONS' as const, entries }
    }
  }
})

export const laneProbe = defineScript('lane_probe', {
  keys: ['probe_key'],
  args: ['nonce', 'ttl_ms', 'channel'],
  reply: {
    ALIVE: ([readBack, now]) => ({
      status: 'ALIVE' as const,
      readBack: text(readBack),
      redisNowMs: integer(now)
    })
  }
})

export const countsAdd = defineScript('counts_add', {
  keys: ['...count_keys'],
  args: ['deadline_ms', '...additions'],
  reply: {
    COUNTED: rest => {
      const counts: { total: number; leftMs: number }[] = []
      for (let i = 0; i < rest.length; i += 2) {
        counts.push({ total: integer(rest[i]), leftMs: integer(rest[i + 1]) })
      }
      return { status: 'COUNTED' as const, counts }
    },
    LATE: only('LATE')
  }
})

/** The places, from 0, of the days that the script says 1 of. */
const ones = (rest: unknown[]): number[] =>
  rest.flatMap((one, position) => (integer(one) === 1 ? [position] : []))

export const daysLease = defineScript('days_lease', {
  keys: ['...day_keys'],
  args: ['nonce', 'lease_ms', 'deadline_ms'],
  reply: {
    LEASED: rest => ({ status: 'LEASED' as const, positions: ones(rest) }),
    LATE: only('LATE')
  }
})

export const daysPut = defineScript('days_put', {
  keys: ['...day_keys'],
  args: ['nonce', 'as_of_ms', 'ttl_ms', 'deadline_ms', '...rows'],
  reply: {
    FILLED: rest => ({ status: 'FILLED' as const, positions: ones(rest) }),
    LATE: only('LATE')
  }
})

export const daysNote = defineScript('days_note', {
  keys: ['read_key', 'sizes_key', 'counts_key'],
  args: ['hits', 'misses', 'days_max', 'rows_max', 'keep_ms', 'deadline_ms', '...days'],
  reply: {
    NOTED: rest => ({ status: 'NOTED' as const, leaving: rest.map(text) }),
    LATE: only('LATE')
  }
})
