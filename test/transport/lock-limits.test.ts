import t, { type Test } from 'tap'
import type { Handlers } from '../../src/service/answers/refusal.js'
import { done, refuse } from '../../src/service/answers/refusal.js'
import { type LockLimitSettings, noLockLimits } from '../../src/transport/settings.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, plainHandlers, serve, slotId } from './fixture.js'

/** Locks are granted unless the slot is the one that is always taken. */
const taken = slotId(999)
const lock: Handlers['lock'] = async (_caller, { slots }) =>
  slots.includes(taken) ? refuse('SLOT_UNAVAILABLE', 'taken') : done({ lock: {} as never })

const open = (t: Test, limits: Partial<LockLimitSettings>, more: { trustProxy?: string[] } = {}) =>
  serve(t, {
    handlers: plainHandlers({ lock }),
    settings: { lockLimits: { ...noLockLimits, ...limits }, ...more }
  })

async function visitorOf(url: string, headers: Record<string, string> = {}) {
  const opened = await fetch(`${url}/v1/sessions`, { method: 'POST', headers })
  const { token } = (await opened.json()) as { token: string }
  return async (
    slots: string[],
    where: string = calendar,
    requestId?: string
  ): Promise<number | { limit: string }> => {
    const response = await fetch(`${url}/v1/calendars/${where}/locks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ slots, requestId })
    })
    if (response.status !== 429) return response.status
    const { details } = (await response.json()) as { details: { limit: string } }
    t.ok(Number(response.headers.get('retry-after')) > 0)
    return details
  }
}
const day = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => slotId((from + n) * 30))

t.test('one visitor with many sessions cannot hold a whole day', async t => {
  const { url } = await open(t, { slotsPerAddressMax: 10 })
  t.equal(await (await visitorOf(url))(day(6)), 201)
  const second = await visitorOf(url)
  t.match(await second(day(6, 6)), { limit: 'slotsPerAddressMax', max: 10 })
  t.equal(await second(day(4, 6)), 201, 'what is left')
  t.match(await (await visitorOf(url))(day(1, 20)), { limit: 'slotsPerAddressMax' })
  t.equal(await second(day(4), 'another'), 201, 'another calendar is another choice')
})

t.test('(without the limit the day is gone after two sessions)', async t => {
  const { url } = await open(t, {})
  t.equal(await (await visitorOf(url))(day(6)), 201)
  t.equal(await (await visitorOf(url))(day(6, 6)), 201)
})

t.test('a lock that was refused holds nothing, so it does not count as held', async t => {
  const { url } = await open(t, { slotsPerAddressMax: 3 })
  const visitor = await visitorOf(url)
  for (let n = 0; n < 5; n++) t.equal(await visitor([taken, slotId(0)]), 409)
  t.equal(await visitor(day(3)), 201)
})

t.test('a granted request that is sent again is no further lock', async t => {
  const { url } = await open(t, { locksPerSessionPerMinuteMax: 2, slotsPerAddressMax: 2 })
  const visitor = await visitorOf(url)
  t.equal(await visitor([taken], calendar, 'first'), 409)
  t.equal(await visitor(day(2), calendar, 'second'), 201)
  t.equal(await visitor(day(2), calendar, 'second'), 201, 'both limits are reached, and it is held')
  t.match(
    await visitor(day(1), calendar, 'third'),
    { limit: 'locksPerSessionPerMinuteMax' },
    'another is not'
  )
  t.match(
    await visitor([taken], calendar, 'first'),
    { limit: 'locksPerSessionPerMinuteMax' },
    'nor one that was refused'
  )
  for (let n = 0; n < 7; n++) t.equal(await visitor(day(2), calendar, 'second'), 201)
  t.match(
    await visitor(day(2), calendar, 'second'),
    { limit: 'locksPerSessionPerMinuteMax' },
    'not without end'
  )
})

t.test('who asks too often is told until when, by address, session and calendar', async t => {
  const cases: [Partial<LockLimitSettings>, string][] = [
    [{ locksPerAddressPerMinuteMax: 2 }, 'locksPerAddressPerMinuteMax'],
    [{ locksPerSessionPerMinuteMax: 2 }, 'locksPerSessionPerMinuteMax'],
    [{ locksPerCalendarPerMinuteMax: 2 }, 'locksPerCalendarPerMinuteMax']
  ]
  for (const [limits, limit] of cases) {
    const { url, tokens, ws } = await open(t, limits)
    const visitor = await visitorOf(url)
    t.equal(await visitor(day(1)), 201)
    t.equal(await visitor([taken]), 409, 'asking in vain counts too')
    t.match(await visitor(day(1)), { limit })
    t.equal(
      (await (await visitorOf(url))(day(1))) === 201,
      limit === 'locksPerSessionPerMinuteMax',
      'another session'
    )
    t.equal(
      (await visitor(day(1), 'another')) === 201,
      limit === 'locksPerCalendarPerMinuteMax',
      'another calendar'
    )

    const staff = await WsClient.open(ws, tokens.mint({ role: 'staff', ttlMs: 60_000 }).token)
    for (let n = 0; n < 4; n++) {
      t.equal((await staff.request('lock', { calendar, slots: day(1) })).ok, true, 'staff are not limited')
    }
    const page = await (await fetch(`${url}/metrics`)).text()
    t.match(page, new RegExp(`^slotlock_limited_total\\{limit="${limit}"\\} \\d`, 'm'))
    await staff.end()
  }
})

t.test('an address is what a trusted proxy says it is, and a household has one of IPv6', async t => {
  const limits = { locksPerAddressPerMinuteMax: 1 }
  const believed = await open(t, limits, { trustProxy: ['127.0.0.1'] })
  const from = (url: string, address: string) => visitorOf(url, { 'x-forwarded-for': address })
  t.equal(await (await from(believed.url, '2001:db8:1:2::1'))(day(1)), 201)
  t.match(await (await from(believed.url, '2001:db8:1:2::ffff'))(day(1)), {
    limit: 'locksPerAddressPerMinuteMax'
  })
  t.equal(await (await from(believed.url, '2001:db8:1:3::1'))(day(1)), 201)

  const nobody = await open(t, limits)
  t.equal(await (await from(nobody.url, '192.0.2.1'))(day(1)), 201)
  t.match(
    await (await from(nobody.url, '192.0.2.2'))(day(1)),
    { limit: 'locksPerAddressPerMinuteMax' },
    'made up'
  )
})
