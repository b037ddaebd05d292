import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { StoreUnavailable } from '../../src/domain/errors.js'
import type { EndpointStanding, WebhookStore } from '../../src/domain/webhook-store.js'
import { realTimers } from '../../src/service/tools/timers.js'
import type { SqlLockStore } from '../../src/stores/sql/lock-store.js'
import { openSqliteStore } from '../../src/stores/sql/open-sqlite.js'
import { Courier, type CourierTimes } from '../../src/webhooks/courier.js'
import { type Endpoint, endpointsOf } from '../../src/webhooks/endpoint.js'
import { auditTypesOf } from '../../src/webhooks/event.js'
import { attemptsAtOnceMax } from '../../src/webhooks/pace.js'
import { sender } from '../../src/webhooks/send.js'
import { until } from '../helpers/process.js'
import {
  otherWebhookSecret,
  type Reaction,
  WebhookReceiver,
  webhookSecret
} from '../helpers/webhook-receiver.js'
import { bookOf, granted, slots } from '../stores/lock-store-fixture.js'
import { SetClock } from '../stores/sql/set-clock.js'

t.setTimeout(60_000)

/** Real connections and a real database; what would take seconds takes tens of milliseconds. */
const quick: Partial<CourierTimes> = {
  intervalMs: 20,
  idleIntervalMs: 30,
  leaseMs: 1_000,
  leaseRenewedMs: 700,
  standingsEveryMs: 50,
  failedRetryMs: 20,
  stopWithinMs: 100
}

interface Bench {
  clock: SetClock
  store: SqlLockStore
  outbox: WebhookStore
  endpoints: Endpoint[]
  courier(over?: { secrets?: string[]; timeoutMs?: number; retryMs?: number; outbox?: WebhookStore }): Courier
  another(): Promise<SqlLockStore>
  standing(number?: number): Promise<EndpointStanding>
}

const folder = mkdtempSync(join(tmpdir(), 'slotlock-courier-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
let databases = 0
let couriers = 0

async function benchFor(t: Test, ...receivers: WebhookReceiver[]): Promise<Bench> {
  const clock = new SetClock()
  const path = join(folder, `${++databases}.db`)
  const another = async (): Promise<SqlLockStore> => {
    const store = await openSqliteStore(path, { clock, deadlineMs: 30_000 })
    t.teardown(() => store.close())
    return store
  }
  const store = await another()
  await store.migrate()
  const outbox = store.webhooks()
  const endpoints = endpointsOf(receivers.map(({ url }) => url))
  await outbox.register(endpoints.map(({ key }) => key))
  return {
    clock,
    store,
    outbox,
    endpoints,
    another,
    courier(over = {}) {
      const { secrets = [webhookSecret], timeoutMs = 5_000, retryMs = 20 } = over
      const courier = new Courier({
        store: over.outbox ?? outbox,
        endpoints,
        types: auditTypesOf([]),
        send: sender({ secrets, timeoutMs, userAgent: 'test', clock: { now: Date.now, monotonic: () => 0 } }),
        clock,
        random: () => 0.5,
        timers: realTimers,
        holder: `courier-${++couriers}`,
        retryMs,
        times: quick
      })
      t.teardown(() => courier.stop())
      courier.start()
      return courier
    },
    async standing(number = 1) {
      const { key } = endpoints[number - 1]!
      return (await outbox.readStandings()).find(({ endpoint }) => endpoint === key)!
    }
  }
}

const settled = async (bench: Bench): Promise<boolean> => (await bench.standing()).waiting === 0
/** Everything that was committed has been taken. */
const told = (receiver: WebhookReceiver, count: number) =>
  until(`${count} webhooks are taken`, () => new Set(receiver.taken().map(({ id }) => id)).size >= count)

t.test('each change is told once, signed, with contract words, to every endpoint', async t => {
  const receivers = [await WebhookReceiver.start(t), await WebhookReceiver.start(t)]
  const bench = await benchFor(t, ...receivers)
  const courier = bench.courier()
  const { request, outcome } = await granted(bench.store, { slots: slots(1, 2) })
  const booking = bookOf(request)
  await bench.store.book(booking)
  await bench.store.cancel({ booking: booking.booking })
  for (const receiver of receivers) {
    await told(receiver, 3)
    t.strictSame(receiver.forged, [])
    const byType = (type: string) => receiver.taken(type)[0]!.body
    t.match(byType('lock.held').data, { lock: request.lock, slots: slots(1, 2), fence: outcome.lock.fence })
    t.match(byType('booking.made').data, { booking: booking.booking, lock: request.lock })
    t.match(byType('booking.cancelled').data, { booking: booking.booking })
    t.notMatch(JSON.stringify(receiver.received), 'Ada', 'and nothing that a customer said')
  }
  await until('all is recorded', () => settled(bench))
  await pause(100)
  for (const receiver of receivers) t.equal(receiver.received.length, 3, 'once')
  t.strictSame([...courier.counts.values()], Array(2).fill({ delivered: 3, failed: 0, dead: 0 }))
})

t.test(
  'whoever fails, hangs, redirects or drops the connection is told again, under the same id',
  async t => {
    const receiver = await WebhookReceiver.start(t)
    const bench = await benchFor(t, receiver)
    const elsewhere = await WebhookReceiver.start(t)
    const reactions = [
      500,
      'hang',
      { status: 307, headers: { location: elsewhere.url } },
      'drop',
      404
    ] as const
    const seen = new Map<string, number>()
    receiver.react = ({ data: { lock = '' } }) => {
      const attempts = seen.get(lock) ?? 0
      seen.set(lock, attempts + 1)
      return reactions[attempts] ?? 204
    }
    const courier = bench.courier({ timeoutMs: 150 })
    await granted(bench.store)
    await told(receiver, 1)
    t.equal(receiver.received.length, reactions.length + 1)
    t.equal(new Set(receiver.received.map(({ id }) => id)).size, 1)
    t.equal(elsewhere.received.length + elsewhere.forged.length, 0, 'the redirect was not followed')
    await until('all is recorded', () => settled(bench))
    t.match([...courier.counts.values()], [{ delivered: 1, failed: reactions.length }])
  }
)

t.test('an endpoint that hangs keeps nobody else waiting', async t => {
  const [hanging, other] = [await WebhookReceiver.start(t), await WebhookReceiver.start(t)]
  hanging.react = () => 'hang'
  const bench = await benchFor(t, hanging, other)
  bench.courier({ timeoutMs: 60_000 })
  for (let index = 0; index < 20; index++) await granted(bench.store, { slots: slots(index) })
  await told(other, 20)
  t.ok(hanging.received.length <= 8, 'and is sent no more than a few at a time')
})

t.test('an endpoint that was out is told all of it when it is back, soon', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await benchFor(t, receiver)
  await receiver.close()
  const courier = bench.courier()
  for (let index = 0; index < 12; index++) await granted(bench.store, { slots: slots(index) })
  await until('it is known to be out', () => [...courier.counts.values()][0]!.failed >= 8)
  await receiver.listen()
  await told(receiver, 12)
})

t.test(
  '410 ends it: nothing more is sent, what waits is given up, and can be sent when it is back',
  async t => {
    const receiver = await WebhookReceiver.start(t)
    const bench = await benchFor(t, receiver)
    receiver.react = () => 410
    bench.courier()
    await granted(bench.store, { slots: slots(1) })
    await until('it is known to be gone', async () => (await bench.standing()).gone)
    const before = receiver.received.length
    await granted(bench.store, { slots: slots(2) })
    await until('both are given up', async () => (await bench.standing()).dead === 2)
    t.equal(receiver.received.length, before)
    const { key } = bench.endpoints[0]!
    t.match(await bench.outbox.readDead(key, 10), [{ answer: /410/ }, { answer: /410/ }])
    receiver.react = () => 204
    await bench.outbox.setGone(key, false)
    await bench.outbox.replayDead(key)
    await told(receiver, 2)
  }
)

t.test('what is under way when a 410 comes is no dead letter if it is taken', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await benchFor(t, receiver)
  const held: ((reaction: Reaction) => void)[] = []
  receiver.react = () => new Promise(resolve => held.push(resolve))
  bench.courier()
  await granted(bench.store, { slots: slots(1) })
  await granted(bench.store, { slots: slots(2) })
  await until('both are under way', () => held.length === 2)
  held[0]!(410)
  await until('it is known to be gone', async () => (await bench.standing()).gone)
  await pause(10 * quick.intervalMs!)
  t.match(await bench.standing(), { dead: 1, waiting: 1 }, 'nobody gives up what may be taken yet')
  held[1]!(204)
  await until('it is taken', async () => (await bench.standing()).waiting === 0)
  t.equal((await bench.standing()).dead, 1)
})

t.test('many attempts at once are no leak, and none is left behind by those that ended', async t => {
  const receivers = [await WebhookReceiver.start(t), await WebhookReceiver.start(t)]
  const bench = await benchFor(t, ...receivers)
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const held: ((reaction: Reaction) => void)[] = []
  for (const receiver of receivers) receiver.react = () => new Promise(resolve => held.push(resolve))
  const courier = bench.courier()
  for (let index = 0; index < attemptsAtOnceMax; index++)
    await granted(bench.store, { slots: slots(index + 1) })
  await until('as many as may be are under way', () => held.length === 2 * attemptsAtOnceMax)
  for (const answer of held) answer(204)
  for (const receiver of receivers) await told(receiver, attemptsAtOnceMax)
  await courier.stop()
  t.strictSame(warnings, [])
})

t.test(
  'three days after the event the last attempt is made, and then it is dead, with its last answer',
  async t => {
    const receiver = await WebhookReceiver.start(t)
    const bench = await benchFor(t, receiver)
    receiver.react = () => 503
    bench.courier({ retryMs: 3_600_000 })
    await granted(bench.store)
    await until('it failed', () => receiver.received.length === 1)
    const { key } = bench.endpoints[0]!
    await until('that is recorded', async () => (await bench.outbox.readDue(key, 1)).due.length === 0)
    bench.clock.pass(3 * 86_400_000)
    await until('it is dead', async () => (await bench.standing()).dead === 1)
    t.equal(receiver.received.length, 2)
    t.match(await bench.outbox.readDead(key, 1), [{ answer: '503', attempts: 2 }])
  }
)

t.test('who waits for Retry-After waits that long', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await benchFor(t, receiver)
  receiver.react = () =>
    receiver.received.length === 0 ? { status: 429, headers: { 'retry-after': '1' } } : 204
  bench.courier()
  await granted(bench.store)
  await told(receiver, 1)
  const [first, second] = receiver.received
  t.ok(second!.at - first!.at >= 990, `${second!.at - first!.at} ms`)
})

t.test('one of two instances sends; when it dies before it has sent, the other does', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await benchFor(t, receiver)
  // killed, as the others see it: whatever it would do to the database from then on is not done
  let dead = false
  const dying = new Proxy(await bench.another().then(store => store.webhooks()), {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        if (dead) throw new StoreUnavailable('killed')
        return member.apply(target, args)
      }
    }
  })
  receiver.react = () => 'hang'
  const first = bench.courier({ outbox: dying, timeoutMs: 600 })
  await until('it has the lease', () => first.leads)
  const second = bench.courier()
  await granted(bench.store)
  await until('it is sending', () => receiver.received.length > 0)
  t.equal(second.leads, false)
  dead = true
  receiver.react = () => 204
  await told(receiver, 1)
  t.ok(second.leads)
  t.equal(new Set(receiver.received.map(({ id }) => id)).size, 1, 'twice perhaps, but under one id')
})

t.test('twin: without the lease each of them sends everything', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await benchFor(t, receiver)
  const everybody = (outbox: WebhookStore): WebhookStore =>
    new Proxy(outbox, {
      get(target, name) {
        if (name === 'takeLease') return async () => true
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      }
    })
  // nobody is done before both have begun
  receiver.react = () => 'hang'
  for (const _ of [1, 2]) {
    const store = await bench.another()
    bench.courier({ outbox: everybody(store.webhooks()), timeoutMs: 60_000 })
  }
  await granted(bench.store)
  await until('it is sent twice', () => receiver.received.length === 2)
  t.equal(new Set(receiver.received.map(({ id }) => id)).size, 1)
})

t.test('an instance that stops gives the lease to the next at once, with what was under way', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await benchFor(t, receiver)
  receiver.react = () => 'hang'
  const first = bench.courier({ timeoutMs: 60_000 })
  await until('it has the lease', () => first.leads)
  await granted(bench.store)
  await until('it is sending', () => receiver.received.length > 0)
  receiver.react = () => 204
  await first.stop()
  t.equal(await bench.outbox.takeLease('anybody', 1), true)
  bench.courier()
  await told(receiver, 1)
})

t.test('a secret is exchanged without a gap: old and new sign together, and either is believed', async t => {
  const [old, fresh] = [
    await WebhookReceiver.start(t, webhookSecret),
    await WebhookReceiver.start(t, otherWebhookSecret)
  ]
  const bench = await benchFor(t, old, fresh)
  bench.courier({ secrets: [otherWebhookSecret, webhookSecret] })
  await granted(bench.store)
  await told(old, 1)
  await told(fresh, 1)
  t.strictSame([...old.forged, ...fresh.forged], [])
})

t.test('twin: with the new secret alone, who knows only the old one refuses', async t => {
  const old = await WebhookReceiver.start(t, webhookSecret)
  const bench = await benchFor(t, old)
  bench.courier({ secrets: [otherWebhookSecret] })
  await granted(bench.store)
  await until('it was refused', () => old.forged.length > 0)
  t.equal(old.received.length, 0)
})
