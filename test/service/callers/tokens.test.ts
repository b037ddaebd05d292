import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { Clock } from '../../../src/domain/clock.js'
import type { CalendarId, SessionId } from '../../../src/domain/ids.js'
import { sessionTtlMs } from '../../../src/domain/limits.js'
import type { Role } from '../../../src/service/callers/claims.js'
import { tokenBytesMax } from '../../../src/service/callers/signed-texts.js'
import { randomSessionId, Tokens } from '../../../src/service/callers/tokens.js'

const secret = 'a-secret-of-at-least-thirty-two-characters'
const oldSecret = 'the-secret-before-it-of-thirty-two-characters'
const foreignSecret = 'the-secret-of-somebody-else-entirely-different'
const startMs = Date.parse('2026-01-15T14:00Z')

class SetClock implements Clock {
  nowMs = startMs
  now(): number {
    return this.nowMs
  }
  monotonic(): number {
    return this.nowMs
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
/** Signs anything, as an attacker with the secret or a careless host could. */
function forge(header: unknown, payload: unknown, key = secret, hash = 'sha256'): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`
}
const header = { alg: 'HS256', typ: 'JWT' }
const payload = {
  iss: 'slotlock',
  sub: 'AZaz09_-AZaz09_-AZaz09',
  role: 'admin',
  iat: startMs / 1000,
  exp: startMs / 1000 + 60
}

t.test('a session that was opened is the session that its token names, for 24 hours', async t => {
  const clock = new SetClock()
  const tokens = new Tokens([secret], clock)
  const { session, token, expiresAt } = tokens.openSession()
  t.match(session, /^[A-Za-z0-9_-]{22}$/)
  t.equal(expiresAt, startMs + sessionTtlMs)
  t.strictSame(tokens.verify(token), {
    status: 'VALID',
    claims: { session, role: 'visitor', issuedAt: startMs, expiresAt }
  })
  t.not(tokens.openSession().session, session)
})

t.test('a token expires by the clock that was passed in, also when it was verified before', async t => {
  const clock = new SetClock()
  const tokens = new Tokens([secret], clock)
  const { token, session, expiresAt } = tokens.openSession()
  clock.nowMs = expiresAt - 1
  t.equal(tokens.verify(token).status, 'VALID')
  clock.nowMs = expiresAt
  t.match(tokens.verify(token), { status: 'EXPIRED', claims: { session } })
  t.match(new Tokens([secret], clock).verify(token), { status: 'EXPIRED', claims: { session } })
})

t.test('every instance with the same secret knows the token, and none with another', async t => {
  const clock = new SetClock()
  const { token } = new Tokens([secret], clock).openSession()
  t.equal(new Tokens([secret], clock).verify(token).status, 'VALID')
  t.strictSame(new Tokens([foreignSecret], clock).verify(token), { status: 'INVALID' })
})

t.test(
  'a secret is replaced without ending a session: the new one signs, the old one still verifies',
  async t => {
    const clock = new SetClock()
    const before = new Tokens([oldSecret], clock).openSession()
    const during = new Tokens([secret, oldSecret], clock)
    t.match(during.verify(before.token), { status: 'VALID', claims: { session: before.session } })
    const fresh = during.openSession()
    const after = new Tokens([secret], clock)
    t.equal(after.verify(fresh.token).status, 'VALID')
    t.equal(after.verify(before.token).status, 'INVALID')
  }
)

t.test('one secret or two, and never none', async t => {
  t.throws(() => new Tokens([], new SetClock()), { name: 'RangeError' })
  t.throws(() => new Tokens([secret, oldSecret, foreignSecret], new SetClock()), { name: 'RangeError' })
})

t.test('role, calendars, life and session come back as they were minted', async t => {
  const tokens = new Tokens([secret], new SetClock())
  const calendars = ['dentist', 'court-1'] as CalendarId[]
  const session = randomSessionId()
  for (const role of ['visitor', 'staff', 'admin', 'host'] satisfies Role[]) {
    const { token } = tokens.mint({ role, calendars, ttlMs: 8 * 3_600_000, session })
    t.strictSame(tokens.verify(token), {
      status: 'VALID',
      claims: { session, role, calendars, issuedAt: startMs, expiresAt: startMs + 8 * 3_600_000 }
    })
  }
  const nowhere = tokens.mint({ role: 'staff', calendars: [], ttlMs: 1_000 })
  t.match(tokens.verify(nowhere.token), { claims: { calendars: [] } }, 'no calendar is not all calendars')
  t.equal(
    tokens.mint({ role: 'staff', ttlMs: 1 }).expiresAt,
    startMs + 1_000,
    'whole seconds, never too short'
  )
})

t.test('what comes back cannot be changed for the next request', async t => {
  const tokens = new Tokens([secret], new SetClock())
  const { token } = tokens.mint({ role: 'staff', calendars: ['dentist' as CalendarId], ttlMs: 60_000 })
  const first = tokens.verify(token)
  if (first.status !== 'VALID') return t.fail('minted a moment ago')
  t.throws(() => Object.assign(first.claims, { role: 'admin' }))
  t.throws(() => (first.claims.calendars as CalendarId[]).push('court-1' as CalendarId))
  t.match(tokens.verify(token), { claims: { role: 'staff', calendars: ['dentist'] } })
})

t.test('a visitor is renewed in the second half of the token, with the same session', async t => {
  const clock = new SetClock()
  const tokens = new Tokens([secret], clock)
  const { session, token } = tokens.openSession()
  const { claims } = tokens.verify(token) as { claims: Parameters<Tokens['renew']>[0] }
  clock.nowMs = startMs + sessionTtlMs / 2 - 1
  t.notOk(tokens.renewalDue(claims))
  clock.nowMs += 1
  t.ok(tokens.renewalDue(claims))
  const renewed = tokens.renew(claims)
  t.equal(renewed.session, session)
  t.equal(renewed.expiresAt, clock.nowMs + sessionTtlMs)
  t.match(tokens.verify(renewed.token), { status: 'VALID', claims: { session, role: 'visitor' } })
})

t.test('a staff token ends when whoever minted it said', async t => {
  const clock = new SetClock()
  const tokens = new Tokens([secret], clock)
  const { token } = tokens.mint({ role: 'staff', ttlMs: 60_000 })
  const { claims } = tokens.verify(token) as { claims: Parameters<Tokens['renew']>[0] }
  clock.nowMs += 59_000
  t.notOk(tokens.renewalDue(claims))
  t.throws(() => tokens.renew(claims), { name: 'RangeError' })
})

t.test('only HS256 is accepted, whatever the header claims', async t => {
  const tokens = new Tokens([secret], new SetClock())
  t.equal(tokens.verify(forge(header, payload)).status, 'VALID', 'what the others differ from')
  const unsigned = `${encode({ alg: 'none', typ: 'JWT' })}.${encode(payload)}.`
  t.equal(tokens.verify(unsigned).status, 'INVALID')
  t.equal(tokens.verify(unsigned.slice(0, -1)).status, 'INVALID')
  t.equal(tokens.verify(`${encode(header)}.${encode(payload)}.`).status, 'INVALID')
  t.equal(tokens.verify(forge({ alg: 'none' }, payload)).status, 'INVALID')
  t.equal(tokens.verify(forge({ alg: 'HS384' }, payload, secret, 'sha384')).status, 'INVALID')
  t.equal(tokens.verify(forge({ alg: 'HS512' }, payload, secret, 'sha512')).status, 'INVALID')
  t.equal(tokens.verify(forge({ alg: 'RS256' }, payload)).status, 'INVALID')
  t.equal(tokens.verify(forge({ typ: 'JWT' }, payload)).status, 'INVALID')
  t.equal(tokens.verify(forge({ ...header, crit: ['x'], x: 1 }, payload)).status, 'INVALID')
})

t.test('claims that are not ours are no claims, even with our signature', async t => {
  const tokens = new Tokens([secret], new SetClock())
  const { iss, sub, role, iat, exp } = payload
  for (const wrong of [
    { sub, role, iat, exp },
    { iss: 'somebody', sub, role, iat, exp },
    { iss: ['slotlock', 'x'], sub, role, iat, exp, calendars: 'all' },
    { iss, role, iat, exp },
    { iss, sub: 'short', role, iat, exp },
    { iss, sub: 7, role, iat, exp },
    { iss, sub, iat, exp },
    { iss, sub, role: 'root', iat, exp },
    { iss, sub, role: 'constructor', iat, exp },
    { iss, sub, role, iat },
    { iss, sub, role, exp },
    { iss, sub, role, iat, exp: String(exp) },
    { iss, sub, role, iat, exp: iat - 1 },
    { iss, sub, role, iat, exp: 1e300 },
    { iss, sub, role, iat, exp: null },
    { iss, sub, role, iat, exp, nbf: iat },
    { iss, sub, role, iat, exp, calendars: 'dentist' },
    { iss, sub, role, iat, exp, calendars: null },
    { iss, sub, role, iat, exp, calendars: ['Not A Calendar'] },
    { iss, sub, role, iat, exp, calendars: [7] },
    [],
    null,
    'text'
  ]) {
    t.strictSame(tokens.verify(forge(header, wrong)), { status: 'INVALID' }, JSON.stringify(wrong))
  }
})

t.test('a token over the bound is neither read nor minted', async t => {
  const tokens = new Tokens([secret], new SetClock())
  const long = forge(header, { ...payload, padding: 'x'.repeat(tokenBytesMax) })
  t.equal(tokens.verify(long).status, 'INVALID')
  const justFits = forge(header, { ...payload, padding: 'x'.repeat(1_000) })
  t.equal(tokens.verify(justFits).status, 'VALID')
  const calendars = Array.from(
    { length: 40 },
    (_, index) => `calendar-${index}-${'x'.repeat(40)}` as CalendarId
  )
  t.throws(() => tokens.mint({ role: 'staff', calendars, ttlMs: 1_000 }), { message: /name fewer/ })
})

t.test('a token with one character changed is not ours', async t => {
  const tokens = new Tokens([secret], new SetClock())
  const { token } = tokens.openSession()
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '
  const signatureEnd = token.length - 1
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(...alphabet), (at, character) => {
      const place = at % signatureEnd // the last character has bits that encode nothing
      const changed = `${token.slice(0, place)}${character}${token.slice(place + 1)}`
      return changed === token || tokens.verify(changed).status === 'INVALID'
    }),
    { numRuns: 2_000 }
  )
  t.equal(tokens.verify(token).status, 'VALID', 'as it is')
})

t.test('whatever text comes, the answer is a verdict', async t => {
  const tokens = new Tokens([secret, oldSecret], new SetClock())
  const jsonish = fc.tuple(fc.json(), fc.json()).map(([head, body]) => {
    const part = (text: string): string => Buffer.from(text).toString('base64url')
    return `${part(head)}.${part(body)}.${part('signature')}`
  })
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), jsonish), text => {
      return tokens.verify(text).status === 'INVALID'
    }),
    { numRuns: 1_000 }
  )
  const signed = fc.anything({ withNullPrototype: true }).map(value => forge(header, value ?? null))
  fc.assert(
    fc.property(signed, text => tokens.verify(text).status === 'INVALID'),
    { numRuns: 500 }
  )
  t.equal(tokens.verify('').status, 'INVALID')
})

t.test('a session id is 128 bits of chance', async t => {
  const seen = new Set<SessionId>()
  for (let count = 0; count < 1_000; count += 1) seen.add(randomSessionId())
  t.equal(seen.size, 1_000)
})
