import { StoreBusy } from '../../domain/errors.js'
import type { SessionId } from '../../domain/ids.js'
import type { Revocation, RevocationStore } from '../../domain/revocation.js'
import { again, inTime, nowOf, type StoreContext, selectNow, stampValues } from './context.js'
import type { Row } from './dialect.js'
import { numberOf, textOf } from './rows.js'

/** Sessions that were ended before their time: one row each, until the last of their tokens has run out. */

const columns = 'session, revoked_ms, until_ms'

/** The port has no word for late here: StoreBusy, which says as well that nothing was changed. */
export async function putRevocation(
  context: StoreContext,
  { session, until, by }: Parameters<RevocationStore['putRevocation']>[0]
): Promise<Revocation> {
  const { dialect } = context.db
  return context.attempts('the end of a session', async (stamp, last): Promise<Revocation | typeof again> => {
    const incoming = (column: string): string => `${column} = ${dialect.incoming(column)}`
    const [put, read] = await context.change([
      {
        text: `INSERT INTO revoked_sessions (${columns}, actor, actor_session)
          SELECT :session, :now, :until, :actor, :actorSession FROM (SELECT 1 AS one) x WHERE ${inTime}
          ${dialect.upsert('session')} ${['revoked_ms', 'actor', 'actor_session'].map(incoming).join(', ')},
            until_ms = CASE WHEN revoked_sessions.until_ms < ${dialect.incoming('until_ms')}
              THEN ${dialect.incoming('until_ms')} ELSE revoked_sessions.until_ms END`,
        values: {
          ...stampValues(stamp),
          session,
          until: Math.ceil(until),
          actor: by.role,
          actorSession: by.session ?? ''
        }
      },
      { text: `SELECT ${columns} FROM revoked_sessions WHERE session = :session`, values: { session } }
    ])
    if (put!.changed > 0) return toRevocation(read!.rows[0]!)
    if (await context.late(stamp, last)) throw new StoreBusy('the end of a session came too late')
    return again
  })
}

export async function readRevocationsSince(
  context: StoreContext,
  sinceMs: number,
  rowsMax: number
): Promise<{ revocations: Revocation[]; nowMs: number }> {
  const [now, rows] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${columns} FROM revoked_sessions WHERE revoked_ms >= :since ORDER BY revoked_ms, session LIMIT :most`,
      values: { since: sinceMs, most: rowsMax }
    }
  ])
  return { revocations: rows!.map(toRevocation), nowMs: nowOf(now) }
}

export async function readRevocations(
  context: StoreContext,
  after: SessionId | undefined,
  rowsMax: number
): Promise<{ revocations: Revocation[]; nowMs: number }> {
  const [now, rows] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${columns} FROM revoked_sessions WHERE session > :after ORDER BY session LIMIT :most`,
      values: { after: after ?? '', most: rowsMax }
    }
  ])
  return { revocations: rows!.map(toRevocation), nowMs: nowOf(now) }
}

const toRevocation = (row: Row): Revocation => ({
  session: textOf(row, 'session') as SessionId,
  at: numberOf(row, 'revoked_ms'),
  until: numberOf(row, 'until_ms')
})
