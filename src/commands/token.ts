import { systemClock, tokensOf } from '../app.js'
import { readConfig } from '../config.js'
import { type CalendarId, parseCalendarId } from '../domain/ids.js'
import { sessionTtlMs } from '../domain/limits.js'
import { tokenLifeMaxMs } from '../domain/revocation.js'
import type { Role } from '../service/callers/claims.js'
import { options } from './arguments.js'
import { UsageError } from './usage-error.js'

const roles: readonly Role[] = ['visitor', 'staff', 'host', 'admin']
const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Prints a token and nothing else, so that `$(slotlock token …)` is one. */
export async function token(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = options({
    args,
    options: {
      role: { type: 'string' },
      calendar: { type: 'string', multiple: true },
      ttl: { type: 'string' }
    }
  })
  const role = roles.find(name => name === given.role)
  if (role === undefined) throw new UsageError(`--role must be one of ${roles.join(', ')}`)
  const calendars = given.calendar?.map((name): CalendarId => {
    const calendar = parseCalendarId(name)
    if (calendar === undefined) throw new UsageError(`--calendar ${name} is no calendar's id`)
    return calendar
  })
  const tokens = await tokensOf(readConfig(env), systemClock)
  const ttlMs = given.ttl === undefined ? sessionTtlMs : parseTtl(given.ttl)
  const minted = tokens.mint({ role, ttlMs, ...(calendars === undefined ? {} : { calendars }) })
  process.stdout.write(`${minted.token}\n`)
}

function parseTtl(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const ttlMs = Number(count) * (units[unit ?? ''] ?? Number.NaN)
  if (!(ttlMs > 0 && ttlMs <= tokenLifeMaxMs)) {
    throw new UsageError(`--ttl ${text} is no time: a number and s, m, h or d, at most 366d`)
  }
  return ttlMs
}
