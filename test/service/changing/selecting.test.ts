import t from 'tap'
import type { Caller } from '../../../src/service/callers/caller.js'
import { viewerTag } from '../../../src/service/callers/viewer-tag.js'
import { Selecting } from '../../../src/service/changing/selecting.js'
import { CalendarDirectory } from '../../../src/service/reading/calendars.js'
import {
  connected,
  demo,
  grant,
  instance,
  type MemoryLane,
  sessionId,
  sharedDatabase,
  slot
} from '../live-fixture.js'

type Test = Parameters<typeof instance>[0]

const caller = (name: string): Caller => ({
  session: sessionId(name),
  role: 'visitor',
  calendars: undefined,
  address: '127.0.0.1',
  userAgent: undefined
})
const tag = (name: string) => viewerTag(sessionId(name), demo)

async function desk(t: Test, parts: NonNullable<Parameters<typeof instance>[1]> = {}) {
  const one = await instance(t, parts)
  const calendars = new CalendarDirectory(one.store, one.time.monotonic)
  const selecting = new Selecting({
    ...one,
    calendars,
    limits: { selectionTtlMs: 10_000 },
    tagOf: viewerTag,
    alone: parts.lane === undefined && parts.path === undefined,
    timers: one.time
  })
  selecting.start()
  t.teardown(() => selecting.stop())
  const told = () =>
    one.events.flatMap(({ event }) => (event.kind === 'selection' ? [event.selection.slot] : []))
  return { ...one, selecting, told, ...selecting.handlers() }
}

t.test('a hover is told, renewed, and over by itself', async t => {
  const one = await desk(t)
  t.same(await one.select(caller('a'), { calendar: demo, slot: slot(1) }), {
    ok: true,
    value: { slot: slot(1), expiresInMs: 10_000 }
  })
  await one.time.step(9_000)
  await one.select(caller('a'), { calendar: demo, slot: slot(1) })
  t.same(one.told(), [slot(1), slot(1)])
  await one.time.step(9_000)
  t.equal(one.feed.selections(demo).length, 1)
  await one.time.step(1_000)
  t.same(one.feed.selections(demo), [])
})

t.test('a session looks at one slot of a calendar at a time', async t => {
  const one = await desk(t)
  await one.select(caller('a'), { calendar: demo, slot: slot(1) })
  await one.select(caller('a'), { calendar: demo, slot: slot(2) })
  t.same(
    one.feed.selections(demo).map(selection => selection.slot),
    [slot(2)]
  )
})

t.test('null, unselecting, and a lock on that very slot each end it', async t => {
  const one = await desk(t)
  const hover = () => one.select(caller('a'), { calendar: demo, slot: slot(1) })
  await hover()
  await one.select(caller('a'), { calendar: demo, slot: null })
  await hover()
  await one.unselect(caller('a'), { calendar: demo })
  await hover()
  await grant(one, 'x', [2], { owner: 'a' })
  await grant(one, 'y', [1], { owner: 'a' })
  t.same(one.told(), [slot(1), null, slot(1), null, slot(1), null])
})

t.test('somebody else’s lock ends nobody’s hover', async t => {
  const one = await desk(t)
  await one.select(caller('a'), { calendar: demo, slot: slot(1) })
  await grant(one, 'x', [1], { owner: 'b' })
  t.same(one.told(), [slot(1)])
})

t.test('what is no slot of the calendar cannot be hovered over, what has begun can', async t => {
  const one = await desk(t)
  const code = async (calendar: string, text: string) => {
    const outcome = await one.select(caller('a'), { calendar, slot: text })
    return outcome.ok ? 'ok' : outcome.refusal.code
  }
  t.equal(await code('demo', 'room/2026-01-15T03:00Z'), 'SLOT_NOT_FOUND')
  t.equal(await code('demo', 'room/2026-02-30T09:00Z'), 'INVALID_REQUEST')
  t.equal(await code('nobody', slot(1)), 'CALENDAR_NOT_FOUND')
  t.equal(await code('demo', 'room/2026-01-14T09:00Z'), 'ok')
})

t.test('embedded, a hover never touches the database', async t => {
  const one = await desk(t)
  await one.select(caller('a'), { calendar: demo, slot: slot(1) })
  await one.time.rest()
  t.same(await one.store.readSelections(demo), [])
})

t.test('it goes through Redis, and through the database while Redis is out', async t => {
  const [laneA, laneB] = connected(2) as [MemoryLane, MemoryLane]
  const path = sharedDatabase(t)
  const a = await desk(t, { lane: laneA, path })
  const b = await desk(t, { lane: laneB, path, time: a.time })
  b.feed.watch(demo)
  await a.select(caller('a'), { calendar: demo, slot: slot(1) })
  await a.time.rest()
  t.equal(b.feed.selectionOf(demo, tag('a'))?.slot, slot(1))
  t.same(await a.store.readSelections(demo), [])

  a.health.green = false
  for (const n of [2, 3, 4]) await a.select(caller('a'), { calendar: demo, slot: slot(n) })
  await a.time.rest()
  t.match(await a.store.readSelections(demo), [{ viewer: tag('a'), slot: slot(2) }])
  t.equal(a.feed.selectionOf(demo, tag('a'))?.slot, slot(4), 'here the newest is seen')
  t.equal(a.selecting.kept, 1, 'what came in between stays here')
  await a.time.step(1_000)
  t.match(await a.store.readSelections(demo), [{ slot: slot(4) }], 'the last one is a row a second later')
  await a.time.step(1_000)
  await a.select(caller('a'), { calendar: demo, slot: slot(5) })
  await a.time.rest()
  t.match(await a.store.readSelections(demo), [{ slot: slot(5) }], 'and the next one at once')
})

t.test('a hover that ends right after it began ends on the other instances too, without Redis', async t => {
  const a = await desk(t, { lane: connected(1)[0] as MemoryLane, path: sharedDatabase(t) })
  a.health.green = false
  await a.select(caller('a'), { calendar: demo, slot: slot(1) })
  await a.select(caller('a'), { calendar: demo, slot: null })
  await a.time.rest()
  t.match(await a.store.readSelections(demo), [{ slot: slot(1) }])
  await a.time.step(1_000)
  t.same(
    (await a.store.readSelections(demo)).filter(selection => selection.slot !== null),
    []
  )
})

t.test('an instance that stops does not leave behind what waited for its turn', async t => {
  const a = await desk(t, { lane: connected(1)[0] as MemoryLane, path: sharedDatabase(t) })
  a.health.green = false
  for (const n of [1, null]) {
    await a.select(caller('a'), { calendar: demo, slot: n === null ? null : slot(n) })
  }
  await a.time.rest()
  await a.selecting.stop()
  t.same(
    (await a.store.readSelections(demo)).filter(selection => selection.slot !== null),
    []
  )
  t.equal(a.time.timers, 0)
})

t.test('a Redis that does not answer holds nobody up, and a storm is bounded', async t => {
  const [lane] = connected(1) as [MemoryLane]
  let open = (): void => {}
  lane.hold = new Promise(resolve => {
    open = resolve
  })
  const one = await desk(t, { lane })
  for (let n = 0; n < 300; n++) await one.select(caller(`s${n}`), { calendar: demo, slot: slot(1) })
  t.equal(one.told().length, 300, 'everybody here was told')
  t.equal(one.selecting.kept, 300 - 256)
  open()
  await one.time.rest()
  t.equal(one.selecting.kept, 300 - 256, 'what was on its way arrived')
})
