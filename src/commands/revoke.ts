import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { openStore, secretsOf, systemClock } from '../app.js'
import { readConfig } from '../config.js'
import { parseSessionId, type SessionId } from '../domain/ids.js'
import { sessionTtlMs } from '../domain/limits.js'
import { revocationMarginMs, tokenLifeMaxMs } from '../domain/revocation.js'
import { SiteKeys } from '../service/callers/site-keys.js'
import { Tokens } from '../service/callers/tokens.js'
import { letLocksGo } from '../service/changing/ending-sessions.js'
import { newSqlStats } from '../stores/sql/dialect.js'
import { oneArgument } from './arguments.js'
import { UsageError } from './usage-error.js'

const by = { role: 'admin' } as const

/**
 * Ends a session by writing to the database, whether or not an instance runs: those that do have read it within a second.
 * Its live locks are ended with it.
 */
export async function revoke(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = oneArgument(args, 'which token or session?')
  const config = readConfig(env)
  const name = given === '-' ? (await text(process.stdin)).trim() : given
  const found = sessionIn(name, await secretsOf(config))
  if (found === undefined)
    throw new UsageError('this is neither a token of this deployment nor the id of a session')
  const { session, lifeMs } = found
  const log = pino({ level: config.logLevel, base: null }, pino.destination(2))
  const store = await openStore(config, { log, clock: systemClock, random: Math.random }, newSqlStats())
  try {
    await store.putRevocation({ session, until: store.nowMs() + lifeMs + revocationMarginMs, by })
    // said at once: what may go wrong with its locks takes nothing of that back
    process.stdout.write(`the session ${session} is over; locks ended: `)
    let ended = 0
    try {
      for await (const outcome of letLocksGo(store, session, by))
        if (outcome.status === 'ENDED' && outcome.lock.state === 'revoked') ended += 1
    } finally {
      process.stdout.write(`${ended}\n`)
    }
  } finally {
    await store.close()
  }
}

function sessionIn(
  name: string,
  secrets: readonly string[]
): { session: SessionId; lifeMs: number } | undefined {
  const session = parseSessionId(name)
  if (session !== undefined) return { session, lifeMs: tokenLifeMaxMs }
  const key = new SiteKeys(secrets, systemClock).verify(name)
  // the sessions that it opened live as long as sessions do, from now on
  if (key !== undefined)
    return { session: key.id, lifeMs: Math.max(key.expiresAt - systemClock.now(), sessionTtlMs) }
  const verified = new Tokens(secrets, systemClock).verify(name)
  if (verified.status === 'INVALID') return undefined
  const { issuedAt, expiresAt } = verified.claims
  return { session: verified.claims.session, lifeMs: expiresAt - issuedAt }
}
