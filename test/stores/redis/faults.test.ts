import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import { RedisKeys } from '../../../src/stores/redis/keys.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import { TcpProxy } from '../../helpers/tcp-proxy.js'
import { clinic, clock, lockedRow, newLock, openLane, row, slotAt, type TestLane, working } from './lane.js'

/** The fast lane with a Redis that is killed, emptied, full, far away or full of nonsense. Frozen: test/faults/03. */

const keys = new RedisKeys('test:')
const nine = keys.slot(clinic, slotAt(9))
const fill = (lane: TestLane) => lane.hydrate(clinic, async () => ({ rows: [], nowMs: clock.now() }))
const reserveNine = (lane: TestLane) =>
  lane.reserve({ calendar: clinic, slots: [slotAt(9)], lock: newLock() })

t.test('without Redis every method throws StoreUnavailable at once, and nothing else happens', async t => {
  const server = await RedisServer.start(t)
  await server.kill()
  const lane = openLane(t, server.url)
  const nowMs = clock.now()
  const attempts: [string, () => Promise<unknown>][] = [
    ['reserve', () => reserveNine(lane)],
    ['unreserve', () => lane.unreserve({ calendar: clinic, slots: [slotAt(9)], lock: newLock() })],
    ['settle', () => lane.settle(clinic, [row(slotAt(9), 5)], nowMs)],
    ['publishCalendar', () => lane.publishCalendar(clinic)],
    ['readSelections', () => lane.readSelections(clinic, nowMs)],
    ['hydrate', () => fill(lane)],
    ['inspect', () => lane.inspect()],
    ['probe', () => lane.probe()]
  ]
  for (const [name, attempt] of attempts) {
    await t.rejects(attempt(), { code: 'STORE_UNAVAILABLE', reason: 'connection', message: /^Redis: / }, name)
  }
  t.equal(lane.connected, false)
  t.equal(lane.counters.errors, attempts.length - 1, 'all but the probe, which found no subscriber')
})

t.test('a server that came back empty is STALE, is noticed, and is filled again', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  const lock = newLock()
  const held = lockedRow(slotAt(9), 5, lock, clock.now() + 600_000)
  const refill = () => lane.hydrate(clinic, async () => ({ rows: [held], nowMs: clock.now() }))
  await refill()
  t.match(await reserveNine(lane), { status: 'TAKEN' })
  await server.restart()
  await working(lane)
  t.strictSame(await reserveNine(lane), { status: 'STALE' }, 'its silence is not taken for a free slot')
  t.strictSame(await refill(), { filled: 1 })
  t.strictSame(await reserveNine(lane), { status: 'TAKEN', slots: [slotAt(9)] })
  await until('another process was noticed', () => lane.counters.serverChanges === 1)
  t.match(lane.counters, { stale: 1, taken: 2, fills: 2 })
})

t.test('a fill that another one overtook does not declare the calendar filled', async t => {
  const server = await RedisServer.start(t)
  const [slow, quick] = [openLane(t, server.url), openLane(t, server.url)]
  await Promise.all([working(slow), working(quick)])
  const rows = [lockedRow(slotAt(9), 5, newLock(), clock.now() + 600_000)]
  const outcome = await slow.hydrate(clinic, async () => {
    await fill(quick)
    return { rows, nowMs: clock.now() }
  })
  t.strictSame(outcome, { filled: 0, left: 'underway' })
  t.equal(slow.counters.fillsOvertaken, 1)
  t.equal(await server.client().exists(nine), 0)
  t.strictSame(await reserveNine(quick), { status: 'RESERVED' })
})

t.test('what settles during a fill is newer than what the fill has read', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  await lane.hydrate(clinic, async () => {
    const read = { rows: [lockedRow(slotAt(9), 5, newLock(), clock.now() + 600_000)], nowMs: clock.now() }
    await lane.settle(clinic, [row(slotAt(9), 6)], clock.now())
    return read
  })
  t.strictSame(await reserveNine(lane), { status: 'RESERVED' })
})

t.test('10,000 locks are filled in, in bounded calls, while others are answered', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  const at = Date.UTC(2026, 0, 1)
  const rows = Array.from({ length: 10_000 }, (_, i) => {
    const slot = `dr-lee/${new Date(at + i * 900_000).toISOString().slice(0, 16)}Z` as ReturnType<
      typeof slotAt
    >
    return lockedRow(slot, 5, newLock(), clock.now() + 600_000)
  })
  const began = performance.now()
  const filling = lane.hydrate(clinic, async () => ({ rows, nowMs: clock.now() }))
  let answered = 0
  let done = false
  const others = (async () => {
    while (!done) {
      await lane.probe()
      answered++
    }
  })()
  t.strictSame(await filling, { filled: 10_000 })
  t.comment(`${Math.round(performance.now() - began)} ms`)
  done = true
  await others
  t.ok(answered > 1, `${answered} probes were answered meanwhile`)
  t.equal(await server.client().dbsize(), 10_002, 'marks, the generation and the probe')
})

t.test('more rows than one call takes are settled in several, each with its event', async t => {
  const server = await RedisServer.start(t)
  const [one, two] = [openLane(t, server.url), openLane(t, server.url)]
  two.subscribeCalendar(clinic)
  await Promise.all([working(one), working(two)])
  const rows = Array.from({ length: 600 }, (_, i) => {
    const start = new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString().slice(0, 16)
    return row(`dr-lee/${start}Z` as ReturnType<typeof slotAt>, 5)
  })
  await one.settle(clinic, rows, clock.now())
  await until('all came', () => two.counters.eventsReceived === 3)
  t.strictSame(
    two.events.flatMap(event => (event.kind === 'slots' ? event.rows : [])),
    rows
  )
})

t.test('full memory under noeviction is an error, and with room it works again', async t => {
  const server = await RedisServer.start(t, ['--maxmemory-policy', 'noeviction'])
  const lane = openLane(t, server.url)
  await working(lane)
  await fill(lane)
  const behind = server.client()
  await behind.config('SET', 'maxmemory', '1')
  await t.rejects(reserveNine(lane), { code: 'STORE_UNAVAILABLE', reason: 'other', message: /OOM/ })
  await t.rejects(lane.probe(), { reason: 'other', message: /OOM/ })
  t.equal(await behind.exists(nine), 0)
  await behind.config('SET', 'maxmemory', '0')
  t.strictSame(await reserveNine(lane), { status: 'RESERVED' })
})

t.test('nonsense on a channel is counted and dropped, and the next event comes through', async t => {
  const server = await RedisServer.start(t)
  const [one, two] = [openLane(t, server.url), openLane(t, server.url)]
  two.subscribeCalendar(clinic)
  await Promise.all([working(one), working(two)])
  const behind = server.client()
  for (const text of ['', '{', '{"from":"x","event":{"kind":"slots","calendar":"clinic","rows":[{}]}}']) {
    await behind.publish(keys.calendarEvents(clinic), text)
  }
  await one.publishCalendar(clinic)
  await until('the event came', () => two.events.length > 0)
  t.strictSame(two.events, [{ kind: 'calendar', calendar: clinic }])
  t.equal(two.counters.eventsMalformed, 3)
})

t.test('a probe says which part of the work is not done', async t => {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  const lane = openLane(t, `redis://127.0.0.1:${proxy.port}`)
  await working(lane)
  proxy.fault({ blackhole: true }, connection => connection.opening.includes('slotlock-subscriber'))
  await t.rejects(lane.probe(), {
    reason: 'timeout',
    message: 'Redis: probe: its message did not come back in 250 ms'
  })
  await server.client().call('ACL', 'SETUSER', 'default', '-set')
  await t.rejects(lane.probe(), { message: /^Redis: probe: .*(run this command|subscriber)/ })
})

t.test('every error has its cause', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  await server.client().hset(keys.generation(clinic), 'not', 'a string')
  const error = await reserveNine(lane).then(
    () => undefined,
    (error: unknown) => error
  )
  t.ok(error instanceof StoreUnavailable)
  t.match(error, { reason: 'other', cause: { message: /WRONGTYPE/ } })
})

t.test('after close nothing connects again', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  await lane.close()
  await t.rejects(reserveNine(lane), { reason: 'connection', message: /^Redis: / })
  const behind = server.client()
  await until('its connections are gone', async () => {
    const clients = String(await behind.client('LIST'))
    return !clients.includes('slotlock-')
  })
})
