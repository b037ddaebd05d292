import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { Tokens } from '../../src/service/callers/tokens.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, clock, codeOf, secret, slot, startWorld, Visitor } from './world.js'

/**
 * Geometry: Ann holds a slot. Others try to get in as her, or at all: a page of a foreign origin in her browser; a token
 * that somebody else signed; a token of hers whose time is over; a token for another calendar; somebody who connects and
 * says nothing.
 *
 * What should follow: the page is refused before the upgrade. A false token ends the connection (4001), an old one begins
 * a new session that has nothing of hers. A token for another calendar opens a session that may not do anything here.
 * Who says nothing is shown out. There are no one-time tickets: a session token is meant to be shown again.
 *
 * Twin: the page again, where every origin is allowed, and the silent one, where nobody looks at the clock.
 */

const evil = 'https://evil.example'

async function refusedUpgrade(ws: string, origin: string): Promise<number | undefined> {
  const socket = new WebSocket(ws, ['slotlock.v1'], { origin })
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  response.destroy()
  return response.statusCode
}

const started = async (t: Test, settings: object, helloWithinMs: number) =>
  startWorld(t, { redis: false, instances: 1, settings, timing: { beatMs: 20, helloWithinMs } })

t.test('nobody gets in with what is not theirs', async t => {
  const world = await started(t, {}, 60_000)
  const { one } = world
  const ann = await one.visitor()
  const hers = await ann.locked([1])

  t.equal(await refusedUpgrade(one.ws, evil), 403)
  const { values } = await one.metrics.refusedUpgrades.get()
  t.match(values, [{ labels: { reason: 'origin' }, value: 1 }])

  const session = ann.client.session.session as string
  const forger = new Tokens(['another secret that is long enough as well'], clock)
  const forged = await WsClient.connect(one.ws)
  const refused = await forged.request('hello', { token: forger.openSession().token })
  t.equal(codeOf(refused), 'UNAUTHENTICATED')
  t.equal((await forged.closed()).code, 4001)

  const dayBefore = { ...clock, now: () => Date.now() - 172_800_000 }
  const old = await one.visitor(new Tokens([secret], dayBefore).openSession().token)
  t.match(old.client, { session: { resumed: false } })
  t.not(old.client.session.session, session)
  t.same(await old.locks(), [])

  const elsewhere = new Tokens([secret], clock).mint({
    role: 'host',
    calendars: ['annexe' as typeof calendar],
    ttlMs: 60_000
  })
  const host = await Visitor.open(one.ws, elsewhere.token)
  t.equal(codeOf(await host.lock([2])), 'FORBIDDEN')
  t.equal(codeOf(await host.client.request('select', { calendar, slot: slot(2) })), 'FORBIDDEN')
  t.equal(codeOf(await old.book(hers)), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await host.book(hers)), 'FORBIDDEN')
  for (const stranger of [old, host]) t.equal(codeOf(await stranger.release(hers)), 'LOCK_NOT_FOUND')
  t.match(await world.row(1), { state: 'locked', token: hers.id })
  t.equal(codeOf(await ann.book(hers)), 'ok')
})

t.test('who says nothing is shown out', async t => {
  const { one } = await started(t, {}, 50)
  const silent = await WsClient.connect(one.ws)
  t.match(await silent.closed(), { code: 1008, reason: 'no hello in time' })
})

t.test(
  'twin: where every origin is allowed the page is in, and where nobody looks the silent one stays',
  async t => {
    const { one } = await started(t, { origins: ['*'] }, 2_000_000_000)
    const silent = await WsClient.connect(one.ws)
    const page = await WsClient.connect(one.ws, { origin: evil })
    t.equal((await page.request('hello')).ok, true)
    // for longer than the other one was suffered, counted in what the server does meanwhile
    const from = performance.now()
    while (performance.now() - from < 300) await page.request('ping')
    t.equal(silent.close, undefined)
  }
)
