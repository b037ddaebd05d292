import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { openStore, systemClock, tokensOf } from '../app.js'
import { readConfig } from '../config.js'
import { parseSessionId, type SessionId } from '../domain/ids.js'
import { revocationMarginMs, tokenLifeMaxMs } from '../domain/revocation.js'
import type { Tokens } from '../service/callers/tokens.js'
import { newSqlStats } from '../stores/sql/dialect.js'
import { oneArgument } from './arguments.js'
import { UsageError } from './usage-error.js'

const by = { role: 'admin' } as const
const reason = 'the session was ended'

/**
 * Ends a session by writing to the database, whether or not an instance runs: those that do have read it within a second.
 * Its live locks are ended with it.
 */
export async function revoke(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = oneArgument(args, 'which token or session?')
  const config = readConfig(env)
  const name = given === '-' ? (await text(process.stdin)).trim() : given
  const found = sessionIn(name, await tokensOf(config, systemClock))
  if (found === undefined)
    throw new UsageError('this is neither a token of this deployment nor the id of a session')
  const { session, lifeMs } = found
  const log = pino({ level: config.logLevel, base: null }, pino.destination(2))
  const store = await openStore(config, { log, clock: systemClock, random: Math.random }, newSqlStats())
  try {
    await store.putRevocation({ session, until: store.nowMs() + lifeMs + revocationMarginMs, by })
    const locks = await store.readLiveLocks({ owner: session })
    for (const { id: lock } of locks) await store.revoke({ lock, reason, by })
    process.stdout.write(`the session ${session} is over; locks ended: ${locks.length}\n`)
  } finally {
    await store.close()
  }
}

function sessionIn(name: string, tokens: Tokens): { session: SessionId; lifeMs: number } | undefined {
  const session = parseSessionId(name)
  if (session !== undefined) return { session, lifeMs: tokenLifeMaxMs }
  const verified = tokens.verify(name)
  if (verified.status === 'INVALID') return undefined
  const { issuedAt, expiresAt } = verified.claims
  return { session: verified.claims.session, lifeMs: expiresAt - issuedAt }
}
