import { systemClock } from '../../../src/app.js'
import { Tokens } from '../../../src/service/callers/tokens.js'
import { WsClient } from '../../helpers/ws-client.js'
import { calendar, range, type Subject } from '../clinic.js'
import { askHttp } from '../visitor.js'

const dayMs = 86_400_000

/** Anonymous, named by a signed token, the same at every instance. */
export const sessions: Subject = async (t, clinic, face) => {
  const { a, b, expiredToken } = clinic.world

  await t.test('who comes without a token is somebody new, with the limits and for a day', async t => {
    const { session } = await clinic.ann(face)
    t.match(session, { resumed: false, role: 'visitor', service: 'normal' })
    t.match(session.limits, { lockTtlMs: 600_000, lockTtlMinMs: 300, locksPerSessionMax: 8 })
    t.ok(Math.abs(session.expiresAt - session.serverTime - dayMs) < 2_000)
    t.not((await clinic.ann(face)).session.session, session.session)
  })

  await t.test('a token is the session at the other instance too, with its locks and its tag', async t => {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    const again = await clinic.bob(face, ann.token)
    t.match(again.session, { resumed: true, session: ann.session.session, role: 'visitor' })
    t.match(await again.must('listLocks'), { locks: [{ id: lock.id, by: lock.by }] })
    t.equal((await again.must('readSlots', range)).you, lock.by)
  })

  await t.test('an expired token makes a new session, and is good for nothing else', async t => {
    const { session } = await clinic.bob(face, expiredToken)
    t.equal(session.resumed, false)
    t.not(session.token, expiredToken)
    const asked = await askHttp(b, 'listLocks', {}, expiredToken)
    t.match(asked, { ok: false, error: { code: 'UNAUTHENTICATED' } })
  })

  await t.test('a token that somebody else signed is refused, and nobody tries again with it', async t => {
    const strange = new Tokens(['a-secret-of-somebody-else-altogether-1'], systemClock).openSession().token
    for (const token of [strange, 'no token', `${(await clinic.ann(face)).token}x`]) {
      if (face === 'http') {
        t.match(await askHttp(a, 'openSession', {}, token), { ok: false, error: { code: 'UNAUTHENTICATED' } })
        t.match(await askHttp(a, 'readSlots', range, token), {
          ok: false,
          error: { code: 'UNAUTHENTICATED' }
        })
      } else {
        const socket = await WsClient.connect(a.ws)
        t.match(await socket.request('hello', { token }), { ok: false, error: { code: 'UNAUTHENTICATED' } })
        t.equal((await socket.closed()).code, 4001)
      }
    }
  })

  await t.test('without a token one may look and not touch', async t => {
    const seen = await clinic.read(b)
    t.notOk('you' in seen)
    for (const [operation, params] of [
      ['lock', { calendar, slots: [clinic.slot()] }],
      ['listLocks', {}],
      ['select', { calendar, slot: clinic.slot() }],
      ['release', { lock: 'a'.repeat(22) }]
    ] as const) {
      t.match(await askHttp(b, operation, params), { ok: false, error: { code: 'UNAUTHENTICATED' } })
    }
  })

  await t.test('a token for other calendars covers nothing here', async t => {
    const elsewhere = await clinic.ann(face, clinic.world.tokenOf('visitor', ['elsewhere']))
    t.equal((await elsewhere.refused('lock', { calendar, slots: [clinic.slot()] })).code, 'FORBIDDEN')
    t.equal((await elsewhere.refused('readSlots', range)).code, 'FORBIDDEN')
  })
}
