import t from 'tap'
import type { SelectionView, SlotState } from '../../src/protocol/schemas.js'
import { Instance } from '../helpers/instance.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { Clinic, calendar, range, soon } from './clinic.js'
import { askHttp, Visitor } from './visitor.js'

t.setTimeout(300_000)

const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!

/** Locks and releases until told to stop; throws when anything is refused, for these slots are nobody else's. */
function traffic(visitor: Visitor, slots: string[]): { stop(): Promise<number> } {
  const state = { stopped: false }
  const work = (async () => {
    let rounds = 0
    for (; !state.stopped; rounds++) {
      const { lock } = await visitor.must('lock', { calendar, slots, requestId: `round-${rounds}` })
      await visitor.must('extend', { lock: lock.id })
      await visitor.must('release', { lock: lock.id })
    }
    return rounds
  })()
  // who fails early fails the test when it is stopped, and is no unhandled rejection before
  work.catch(() => {})
  return {
    stop: () => {
      state.stopped = true
      return work
    }
  }
}

const seesSlot = (watcher: Visitor, slot: string, state: string) =>
  watcher.next('slots', push =>
    (push.slots as SlotState[]).some(one => one.slot === slot && one.state === state)
  )
const seesHover = (watcher: Visitor, slot: string) =>
  watcher.next('selections', push => (push.selections as SelectionView[]).some(one => one.slot === slot))
const hears = (visitor: Visitor, status: string) => visitor.next('service', push => push.status === status)

t.test('Redis is killed during traffic, and comes back empty: nobody is refused for it', async t => {
  const world = await startWorld(t, redisAndSql)
  const clinic = new Clinic(t, world)
  await clinic.open()
  const redis = world.redis!
  const { a, b } = world
  const everybody = [
    await clinic.ann('ws'),
    await clinic.bob('ws'),
    await clinic.ann('http'),
    await clinic.bob('http')
  ]
  const watchers = [await clinic.ann('ws'), await clinic.bob('ws')]
  for (const watcher of watchers) await watcher.must('readSlots', range)
  const holder = await clinic.ann('ws')
  const old = clinic.slots(2)
  const { lock } = await holder.must('lock', { calendar, slots: old })
  const running = everybody.map(visitor => traffic(visitor, clinic.slots(2)))

  await redis.kill()
  for (const watcher of watchers) await hears(watcher, 'degraded')
  t.match(await (await a.get('/health')).json(), {
    status: 'degraded',
    services: { redis: { available: false }, database: { available: true, healthy: true } }
  })
  t.equal((await a.get('/readyz')).status, 200, 'it goes on taking visitors')
  t.equal((await clinic.bob('ws')).session.service, 'degraded')

  await t.test('meanwhile each change and each hover reaches the other instance', async t => {
    const [slot, hovered] = clinic.slots(2) as [string, string]
    await holder.must('select', { calendar, slot: hovered })
    await seesHover(watchers[1]!, hovered)
    const held = (await holder.must('lock', { calendar, slots: [slot] })).lock
    await seesSlot(watchers[1]!, slot, 'locked')
    const bob = await clinic.bob('http')
    t.equal((await bob.refused('lock', { calendar, slots: [slot] })).code, 'SLOT_UNAVAILABLE')
    await holder.must('release', { lock: held.id })
    await seesSlot(watchers[1]!, slot, 'free')
  })

  await redis.restart()
  for (const watcher of watchers) await hears(watcher, 'normal')
  await t.test('and when it is back, empty, the old locks still stand', async t => {
    for (const face of ['ws', 'http'] as const)
      for (const bob of [await clinic.ann(face), await clinic.bob(face)])
        t.match(await bob.refused('lock', { calendar, slots: [old[1]] }), {
          code: 'SLOT_UNAVAILABLE',
          details: { conflicts: [{ slot: old[1], state: 'locked', expiresAt: lock.expiresAt }] }
        })
    // by one of them: the other leaves it to it
    await soon(async () => /"synced \d+ locks of calendar clinic in \d+ ms"/.test(a.log + b.log) || undefined)
    const [slot, hovered] = clinic.slots(2) as [string, string]
    // renewed as a page does: a busy machine may make one of the instances doubt Redis again for a moment
    const state = { seen: false }
    const seen = seesHover(watchers[1]!, hovered).then(() => {
      state.seen = true
    })
    while (!state.seen) {
      await holder.must('select', { calendar, slot: hovered })
      await Promise.race([seen, new Promise(resolve => setTimeout(resolve, 1_000))])
    }
    await holder.must('lock', { calendar, slots: [slot] })
    await seesSlot(watchers[1]!, slot, 'locked')
    // a busy machine may make an instance doubt Redis again for a moment, so this too is waited for
    const health = await soon(async () => {
      const now = (await (await b.get('/health')).json()) as { status: string }
      return now.status === 'normal' ? now : undefined
    })
    t.match(health, { services: { redis: { available: true } } })
  })

  for (const one of running) t.ok((await one.stop()) > 0, 'not one of the requests meanwhile was refused')
  t.match(await holder.must('book', { lock: lock.id, requestId: 'b', customer: { name: 'Ann' } }), {
    booking: { slots: old }
  })
})

t.test('an instance that starts while Redis is down works, and finds it when it comes', async t => {
  const world = await startWorld(t, redisAndSql)
  const clinic = new Clinic(t, world)
  await clinic.open()
  await world.redis!.kill()
  const late = await world.another()
  t.match(await (await late.get('/health')).json(), {
    status: 'degraded',
    services: { redis: { available: false } }
  })
  const opened = await askHttp(late, 'openSession')
  const token = opened.ok ? opened.result.token : ''
  const slots = clinic.slots(1)
  t.match(await askHttp(late, 'lock', { calendar, slots }, token), { ok: true, result: { lock: { slots } } })
  await world.redis!.restart()
  await soon(async () => {
    const { status } = (await (await late.get('/health')).json()) as { status: string }
    return status === 'normal' || undefined
  })
  t.match(await askHttp(late, 'lock', { calendar, slots: clinic.slots(1) }, token), { ok: true })
})

t.test('Redis is left out of the settings again: every lock stands, and can be booked', async t => {
  const world = await startWorld(t, redisAndSql)
  const clinic = new Clinic(t, world)
  await clinic.open()
  const holder = await clinic.ann('http')
  const slots = clinic.slots(2)
  const { lock } = await holder.must('lock', { calendar, slots })
  for (const { process } of world.instances) await process.kill()
  const { REDIS_URL: _, ...withoutRedis } = world.settings
  const alone = await Instance.start(t, withoutRedis)
  t.match(await (await alone.get('/health')).json(), { status: 'normal', mode: 'sql-only' })
  const stranger = await Visitor.open(t, 'http', alone)
  t.match(await stranger.refused('lock', { calendar, slots }), { code: 'SLOT_UNAVAILABLE' })
  const again = await Visitor.open(t, 'http', alone, holder.session.token)
  t.match(await again.must('book', { lock: lock.id, requestId: 'b', customer: { name: 'Ann' } }), {
    booking: { slots }
  })
})
