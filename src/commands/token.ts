import { secretsOf, systemClock } from '../app.js'
import { readConfig } from '../config.js'
import { type CalendarId, parseCalendarId } from '../domain/ids.js'
import { sessionTtlMs } from '../domain/limits.js'
import { tokenLifeMaxMs } from '../domain/revocation.js'
import type { Role } from '../service/callers/claims.js'
import { SiteKeys } from '../service/callers/site-keys.js'
import { Tokens } from '../service/callers/tokens.js'
import { originList } from '../settings/kinds.js'
import { options } from './arguments.js'
import { parseDuration } from './times.js'
import { UsageError } from './usage-error.js'

const roles: readonly (Role | 'site')[] = ['visitor', 'staff', 'host', 'admin', 'site']

/** Prints a token and nothing else, so that `$(slotlock token …)` is one. */
export async function token(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = options({
    args,
    options: {
      role: { type: 'string' },
      calendar: { type: 'string', multiple: true },
      origin: { type: 'string', multiple: true },
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
  const origins = originsOf(role, given.origin)
  const secrets = await secretsOf(readConfig(env))
  const ttlMs = given.ttl === undefined ? undefined : parseTtl(given.ttl)
  const mint = (): string =>
    role === 'site'
      ? new SiteKeys(secrets, systemClock).mint({ origins, calendars, ttlMs: ttlMs ?? tokenLifeMaxMs })
      : new Tokens(secrets, systemClock).mint({ role, calendars, ttlMs: ttlMs ?? sessionTtlMs }).token
  try {
    process.stdout.write(`${mint()}\n`)
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

/** A site's key is for pages, and nothing else is. */
function originsOf(role: Role | 'site', given: readonly string[] = []): readonly string[] {
  if (role !== 'site' && given.length > 0) throw new UsageError('--origin is for --role site')
  if (role === 'site' && given.length === 0) throw new UsageError('--role site needs an --origin')
  const parsed = originList.parse(given.join(','))
  if (parsed.status === 'WRONG') throw new UsageError(`--origin ${parsed.problem}`)
  if (parsed.value.includes('*')) throw new UsageError('--origin * is no site; name each origin of its pages')
  return parsed.value
}

function parseTtl(text: string): number {
  const ttlMs = parseDuration(text)
  if (ttlMs === undefined || ttlMs > tokenLifeMaxMs) {
    throw new UsageError(`--ttl ${text} is no time: a number and s, m, h or d, at most 366d`)
  }
  return ttlMs
}
