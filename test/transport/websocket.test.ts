import t from 'tap'
import type { CalendarId } from '../../src/domain/ids.js'
import { closeCodes } from '../../src/protocol/codes.js'
import { done, refuse } from '../../src/service/answers/refusal.js'
import { calendarsPerConnectionMax, inFlightPerConnectionMax } from '../../src/transport/settings.js'
import { until } from '../helpers/process.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, lockRecord, row, serve, slotId } from './fixture.js'

const range = { calendar: 'demo', from: '2030-01-01', to: '2030-01-02' }

t.test('hello opens a session, and with its token resumes it', async t => {
  const { ws } = await serve(t)
  const first = await WsClient.open(ws)
  t.equal(first.socket.protocol, 'slotlock.v1')
  t.match(first.session, {
    resumed: false,
    role: 'visitor',
    service: 'normal',
    limits: { slotsPerLockMax: 32 }
  })
  await first.end()
  const again = await WsClient.open(ws, String(first.session.token))
  t.match(again.session, { resumed: true, session: first.session.session, token: first.session.token })
  await again.end()
})

t.test('an expired token gets a new session and is told so', async t => {
  const { ws, expiredToken } = await serve(t)
  const client = await WsClient.open(ws, expiredToken)
  t.match(client.session, { resumed: false, role: 'visitor' })
  t.not(client.session.token, expiredToken)
  await client.end()
})

t.test('a token that is not ours is answered and closed with 4001', async t => {
  const { ws, foreignToken } = await serve(t)
  const client = await WsClient.connect(ws)
  const answer = await client.request('hello', { token: foreignToken })
  t.match(answer, { ok: false, error: { code: 'UNAUTHENTICATED', retryable: false } })
  t.equal((await client.closed()).code, closeCodes.tokenNotOurs)
})

t.test(
  'a message that comes right behind the handshake, and one right behind hello, are both answered',
  async t => {
    const { ws } = await serve(t)
    const client = new WsClient(ws)
    client.socket.on('upgrade', () => {
      setImmediate(() => {
        client.send({ id: 1, type: 'hello' })
        client.send({ id: 2, type: 'watch', ...range })
        client.send({ id: 'three', type: 'ping' })
      })
    })
    t.match(await client.answerTo(1), { ok: true })
    t.match(await client.answerTo(2), { ok: true, result: { calendar: 'demo' } })
    t.match(await client.answerTo('three'), { ok: true })
    await client.end()
  }
)

t.test('nonsense right behind a good hello is answered, and does not cost the hello', async t => {
  const { ws } = await serve(t, { settings: { sessionsPerMinuteMax: 100 } })
  const client = await WsClient.connect(ws)
  // in one packet: all of it is there before hello has been looked at
  client.stream.cork()
  client.send({ id: 1, type: 'hello' })
  client.send('nonsense')
  client.send({ id: 2 })
  client.send({ id: 3, type: 'ping' })
  client.stream.uncork()
  t.match(await client.answerTo(null), { ok: false, error: { code: 'INVALID_REQUEST' } })
  t.match(await client.answerTo(2), { ok: false, error: { code: 'INVALID_REQUEST' } })
  t.match(await client.answerTo(1), { ok: true, result: { resumed: false } })
  t.match(await client.answerTo(3), { ok: true })
  t.strictSame(client.frames[0], { ...client.frames[0], id: null }, 'while hello was being looked at')
  await client.end()
})

t.test('who says nothing is closed with 1008', async t => {
  const { ws } = await serve(t, { timing: { helloWithinMs: 50 } })
  const client = await WsClient.connect(ws)
  t.equal((await client.closed()).code, closeCodes.policy)
})

t.test('a first message that is not a good hello is answered and closed with 1008', async t => {
  const { ws } = await serve(t)
  const cases: [frame: unknown, id: number | null][] = [
    [{ id: 1, type: 'ping' }, 1],
    [{ id: 1, type: 'hello', token: 7 }, 1],
    [{ type: 'hello' }, null],
    ['nonsense', null]
  ]
  for (const [frame, id] of cases) {
    const client = await WsClient.connect(ws)
    client.send(frame)
    t.match(await client.answerTo(id), { ok: false, error: { code: 'INVALID_REQUEST' } })
    t.equal((await client.closed()).code, closeCodes.policy)
  }
})

t.test('a binary frame closes with 1003', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.open(ws)
  client.socket.send(Buffer.from('{}'))
  t.equal((await client.closed()).code, closeCodes.binaryFrame)
})

t.test('a frame over 16 KiB closes with 1009', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.open(ws)
  client.send({ id: 1, type: 'ping', filler: 'x'.repeat(16_384) })
  t.equal((await client.closed()).code, closeCodes.tooLarge)
})

t.test('what is no request is answered and the connection goes on', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.open(ws)
  for (const frame of [
    '{',
    '[]',
    '7',
    'null',
    '{"type":"ping"}',
    { id: 1.5, type: 'ping' },
    { id: '', type: 'ping' }
  ]) {
    client.send(frame)
    t.match(await client.answerTo(null), { ok: false, id: null, error: { code: 'INVALID_REQUEST' } })
  }
  client.send({ id: 'a', type: 'nothing-like-that' })
  t.match(await client.answerTo('a'), { ok: false, error: { code: 'INVALID_REQUEST' } })
  client.send({ id: 'b' })
  t.match(await client.answerTo('b'), { ok: false, error: { code: 'INVALID_REQUEST' } })
  t.match(await client.request('hello'), { ok: false, error: { code: 'INVALID_REQUEST' } })
  t.match(await client.request('ping'), { ok: true })
  await client.end()
})

t.test('a poisoned member is refused and reaches no handler', async t => {
  const asked: unknown[] = []
  const { ws } = await serve(t, {
    handlers: {
      book: async (_caller, params) => {
        asked.push(params)
        return refuse('LOCK_NOT_FOUND', 'none')
      }
    }
  })
  const client = await WsClient.open(ws)
  client.send(
    '{"id":5,"type":"book","lock":"x","customer":{"name":"A"},"meta":{"\\u005f_proto__":{"admin":true}}}'
  )
  t.match(await client.answerTo(null), { ok: false, error: { code: 'INVALID_REQUEST' } })
  t.strictSame(asked, [])
  await client.end()
})

t.test('invalid parameters name the field', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.open(ws)
  const { error } = await client.request('lock', { calendar: 'demo', slots: [slotId(0), 'nonsense'] })
  t.equal(error?.code, 'INVALID_REQUEST')
  t.match(error?.details?.fields, [{ field: 'slots/1', problem: /start in UTC/ }])
  await client.end()
})

t.test(
  'staff messages are forbidden to visitors, and calendars to tokens that do not cover them',
  async t => {
    const { ws, tokenOf } = await serve(t)
    const visitor = await WsClient.open(ws)
    const revoke = { lock: 'x', reason: 'because' }
    t.match(await visitor.request('revoke', revoke), { ok: false, error: { code: 'FORBIDDEN' } })
    const staff = await WsClient.open(ws, tokenOf('staff', ['other' as CalendarId]))
    t.equal(staff.session.role, 'staff')
    t.match(await staff.request('revoke', revoke), { ok: true })
    const slots = [slotId(0)]
    t.match(await staff.request('block', { calendar: 'demo', slots }), {
      ok: false,
      error: { code: 'FORBIDDEN' }
    })
    t.match(await staff.request('block', { calendar: 'other', slots }), { ok: true })
    t.match(await staff.request('watch', range), { ok: false, error: { code: 'FORBIDDEN' } })
    await visitor.end()
    await staff.end()
  }
)

t.test(
  'too many new sessions: refused with 1013 and a time to come back; resuming is not limited',
  async t => {
    const { ws } = await serve(t, { settings: { sessionsPerMinuteMax: 1 } })
    const first = await WsClient.open(ws)
    const second = await WsClient.connect(ws)
    t.match(await second.request('hello'), {
      ok: false,
      error: { code: 'RATE_LIMITED', retryAfterMs: Number }
    })
    t.equal((await second.closed()).code, closeCodes.overloaded)
    const resumed = await WsClient.open(ws, String(first.session.token))
    await first.end()
    await resumed.end()
  }
)

t.test('messages are limited per connection, and who does not listen is closed with 1008', async t => {
  const { ws } = await serve(t, { settings: { messagesPerSecondMax: 2 } })
  const client = await WsClient.open(ws)
  for (let id = 100; id < 110; id++) client.send({ id, type: 'ping' })
  t.match(await client.answerTo(109), {
    ok: false,
    error: { code: 'RATE_LIMITED', retryable: true, retryAfterMs: Number }
  })
  for (let id = 110; id < 200; id++) client.send({ id, type: 'ping' })
  t.equal((await client.closed()).code, closeCodes.policy)
})

t.test('requests of one connection run side by side, up to a bound', async t => {
  const waiting: (() => void)[] = []
  const { ws } = await serve(t, {
    handlers: {
      listLocks: () => new Promise(resolve => waiting.push(() => resolve(done({ locks: [] }))))
    }
  })
  const client = await WsClient.open(ws)
  for (let n = 1; n <= inFlightPerConnectionMax + 1; n++) client.send({ id: `n${n}`, type: 'locks' })
  const over = await client.answerTo(`n${inFlightPerConnectionMax + 1}`)
  t.match(over, { ok: false, error: { code: 'BUSY', retryAfterMs: Number } })
  t.equal(waiting.length, inFlightPerConnectionMax)
  t.match(await client.request('ping'), { ok: true }, 'the connection itself still answers')
  for (const answer of waiting) answer()
  t.match(await client.answerTo('n1'), { ok: true })
  await client.end()
})

t.test('a handler that breaks is INTERNAL with a request id, and the log has the rest', async t => {
  const { ws, logged } = await serve(t, {
    handlers: {
      listLocks: async () => {
        throw new TypeError('the secret reason')
      }
    }
  })
  const client = await WsClient.open(ws)
  const { error } = await client.request('locks')
  t.match(error, { code: 'INTERNAL', retryable: false, requestId: String })
  t.notMatch(JSON.stringify(error), /secret reason/)
  t.ok(logged.some(line => line.includes('the secret reason') && line.includes(String(error?.requestId))))
  await client.end()
})

t.test('watch subscribes before it reads, so that a change during the read is not lost', async t => {
  const scene = await serve(t, {
    handlers: {
      readSlots: async (_caller, { calendar, from, to }) => {
        scene.feed.emit({ kind: 'slots', calendar: calendar as CalendarId, rows: [row(slotId(0), 5)] })
        await new Promise(resolve => setImmediate(resolve))
        return done({ calendar, from, to, timeZone: 'UTC', slots: [], selections: [], serverTime: 1 })
      }
    }
  })
  const client = await WsClient.open(scene.ws)
  await client.request('watch', range)
  t.match(await client.next('slots'), { calendar: 'demo', slots: [{ slot: slotId(0), ver: 5 }] })
  await client.end()
  await until('the calendar is let go of', () => scene.feed.watched.get(calendar) === 0)
})

t.test('a watch that is refused leaves no subscription, and unwatch ends one', async t => {
  let refused = true
  const { ws, feed } = await serve(t, {
    handlers: {
      readSlots: async (_caller, { calendar, from, to }) =>
        refused
          ? refuse('CALENDAR_NOT_FOUND', 'no such calendar')
          : done({ calendar, from, to, timeZone: 'UTC', slots: [], selections: [], serverTime: 1 })
    }
  })
  const client = await WsClient.open(ws)
  t.match(await client.request('watch', range), { ok: false, error: { code: 'CALENDAR_NOT_FOUND' } })
  t.equal(feed.watched.get(calendar), 0)
  refused = false
  t.match(await client.request('watch', range), { ok: true })
  refused = true
  t.match(await client.request('watch', range), { ok: false })
  t.equal(feed.watched.get(calendar), 1, 'the watch that succeeded before goes on')
  t.match(await client.request('unwatch', { calendar: 'demo' }), { ok: true, result: { unwatched: true } })
  t.equal(feed.watched.get(calendar), 0)
  feed.emit({ kind: 'slots', calendar, rows: [row(slotId(0), 9)] })
  t.match(await client.request('ping'), { ok: true })
  t.strictSame(client.pushes('slots'), [])
  await client.end()
})

t.test('two watches of one calendar that are both refused leave no subscription either', async t => {
  const waiting: (() => void)[] = []
  const { ws, feed } = await serve(t, {
    handlers: {
      readSlots: () =>
        new Promise(resolve => waiting.push(() => resolve(refuse('CALENDAR_NOT_FOUND', 'no such calendar'))))
    }
  })
  const client = await WsClient.open(ws)
  client.send({ id: 'a', type: 'watch', ...range })
  client.send({ id: 'b', type: 'watch', ...range })
  await until('both are being read', () => waiting.length === 2)
  waiting[0]!()
  await client.answerTo('a')
  t.equal(feed.watched.get(calendar), 1, 'the other may still succeed')
  waiting[1]!()
  await client.answerTo('b')
  t.equal(feed.watched.get(calendar), 0)
  await client.end()
})

t.test('a connection watches a bounded number of calendars', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.open(ws)
  for (let n = 0; n < calendarsPerConnectionMax; n++) {
    t.match(await client.request('watch', { ...range, calendar: `cal-${n}` }), { ok: true })
  }
  const over = await client.request('watch', { ...range, calendar: 'one-more' })
  t.match(over, { ok: false, error: { code: 'LIMIT_EXCEEDED', details: { max: calendarsPerConnectionMax } } })
  t.match(
    await client.request('watch', { ...range, calendar: 'cal-0' }),
    { ok: true },
    'again is not one more'
  )
  await client.end()
})

t.test('lock pushes reach every connection of the holder and nobody else', async t => {
  const { ws, feed, monitor } = await serve(t)
  const one = await WsClient.open(ws)
  const two = await WsClient.open(ws, String(one.session.token))
  const other = await WsClient.open(ws)
  const lock = lockRecord(one.session.session as never)
  t.equal(feed.attached.get(lock.owner), 1)
  feed.emit({ kind: 'lock', lock })
  feed.emit({ kind: 'expiring', lock })
  feed.emit({ kind: 'lock', lock: { ...lock, state: 'revoked', reason: 'closed today' } })
  for (const client of [one, two]) {
    t.match(await client.next('lock'), { lock: { id: lock.id, state: 'held', expiresInMs: Number } })
    t.match(await client.next('lock'), { expiring: true, lock: { state: 'held' } })
    t.match(await client.next('lock'), { reason: 'closed today', lock: { state: 'revoked', expiresInMs: 0 } })
  }
  monitor.become('degraded')
  for (const client of [one, two, other]) t.match(await client.next('service'), { status: 'degraded' })
  t.strictSame(other.pushes('lock'), [])
  await one.end()
  t.equal(feed.attached.get(lock.owner), 1)
  await two.end()
  await until('the session is let go of', () => feed.attached.get(lock.owner) === 0)
  await other.end()
})

t.test(
  'a connection that closes takes back its hovers, unless another of its session hovers there',
  async t => {
    const ended: string[] = []
    const { ws } = await serve(t, {
      handlers: {
        unselect: async (caller, { calendar }) => {
          ended.push(`${caller.session} ${calendar}`)
          return done({ slot: null, expiresInMs: 0 })
        }
      }
    })
    const one = await WsClient.open(ws)
    const two = await WsClient.open(ws, String(one.session.token))
    t.match(await one.request('select', { calendar: 'demo', slot: slotId(0) }), { ok: true })
    t.match(await one.request('select', { calendar: 'other', slot: slotId(0) }), { ok: true })
    t.match(await two.request('select', { calendar: 'demo', slot: slotId(30) }), { ok: true })
    await one.end()
    await until('the hover is taken back', () => ended.length > 0)
    t.strictSame(ended, [`${one.session.session} other`])
    await two.end()
    await until('the last hover is taken back', () => ended.length > 1)
    t.strictSame(ended[1], `${one.session.session} demo`)
  }
)

t.test('a connection that misses two pings is dropped, one that answers them is not', async t => {
  const { ws } = await serve(t, { timing: { beatMs: 10, beatsPerPing: 2 } })
  const dead = await WsClient.connect(ws, { autoPong: false })
  const alive = await WsClient.open(ws)
  dead.send({ id: 1, type: 'hello' })
  t.equal((await dead.closed()).code, 1006)
  t.match(await alive.request('ping'), { ok: true })
  await alive.end()
})
