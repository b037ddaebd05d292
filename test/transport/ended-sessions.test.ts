import t from 'tap'
import type { SessionId } from '../../src/domain/ids.js'
import { done } from '../../src/service/answers/refusal.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, type Served, serve } from './fixture.js'

const end = ({ revoked }: Served, session: unknown): void =>
  revoked.learn([{ session: session as SessionId, at: Date.now(), until: Date.now() + 60_000 }])

const statusOf = async ({ url }: Served, token: unknown): Promise<number> =>
  (await fetch(`${url}/v1/locks`, { headers: { authorization: `Bearer ${token}` } })).status

t.test(
  'who signs out is answered, and every socket of the session is closed; others are left alone',
  async t => {
    const served: Served = await serve(t, {
      handlers: {
        async signOut({ session }) {
          end(served, session)
          // what is done about the session's locks takes a moment
          await new Promise(resolve => setTimeout(resolve, 20))
          return done({ signedOut: true })
        }
      }
    })
    const ann = await WsClient.open(served.ws)
    const annsOtherTab = await WsClient.open(served.ws, ann.session.token as string)
    const bob = await WsClient.open(served.ws)
    const early = await WsClient.connect(served.ws)
    const answer = ann.request('sign-out')
    t.match(await answer, { ok: true, result: { signedOut: true } })
    for (const socket of [ann, annsOtherTab])
      t.strictSame(await socket.closed(), { code: 4001, reason: 'session ended' })
    t.match(await bob.request('locks'), { ok: true })
    t.equal(await statusOf(served, ann.session.token), 401)
    t.equal(await statusOf(served, bob.session.token), 200)
    t.match(await early.request('hello', { token: ann.session.token }), {
      error: { code: 'UNAUTHENTICATED' }
    })
    t.equal((await early.closed()).code, 4001)
    const renewed = served.tokens.renew({
      session: ann.session.session as SessionId,
      role: 'visitor',
      issuedAt: 0,
      expiresAt: 60_000
    })
    t.equal(await statusOf(served, renewed.token), 401, 'a fresh token of it is none')
    await bob.end()
  }
)

t.test('what is asked after the end is refused, also while an earlier answer is on its way', async t => {
  let finish = (): void => {}
  const served = await serve(t, {
    handlers: {
      staffLocks: () => new Promise(resolve => (finish = () => resolve(done({ locks: [], selections: [] }))))
    }
  })
  const staff = await WsClient.open(served.ws, served.tokenOf('staff'))
  const slow = staff.request('staff-watch', { calendar })
  await staff.request('ping')
  end(served, staff.session.session)
  t.match(await staff.request('block', { calendar, slots: [] }), { error: { code: 'UNAUTHENTICATED' } })
  finish()
  t.match(await slow, { ok: true })
  t.equal((await staff.closed()).code, 4001)
})

t.test('the twin: an instance that knows of no end goes on serving', async t => {
  const served = await serve(t, { revoked: { revokedAt: () => undefined, listen: () => () => {} } })
  const ann = await WsClient.open(served.ws)
  end(served, ann.session.session)
  t.match(await ann.request('locks'), { ok: true })
  t.equal(await statusOf(served, ann.session.token), 200)
  await ann.end()
})

t.test('where no key of a site is required, the twin, anybody opens a session', async t => {
  for (const [siteKeyRequired, status] of [
    [true, 403],
    [false, 201]
  ] as const) {
    const { url } = await serve(t, { settings: { siteKeyRequired } })
    t.equal((await fetch(`${url}/v1/sessions`, { method: 'POST' })).status, status)
  }
})
