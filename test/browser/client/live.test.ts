import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { SlotlockClient } from '../../../src/browser/client/client.js'
import type { CalendarSnapshot, ClientOptions, LockChange } from '../../../src/browser/client/types.js'
import { Instance, runCli } from '../../helpers/instance.js'
import { until } from '../../helpers/process.js'
import { TcpProxy } from '../../helpers/tcp-proxy.js'
import { MemoryStorage } from './scripted-server.js'

/** The client and a server as it is delivered, with a wire between them that can be cut. */
const data = mkdtempSync(join(tmpdir(), 'slotlock-client-'))
t.teardown(() => rmSync(data, { recursive: true, force: true }))
const settings = { SLOTLOCK_DATA: data, RATE_REQUESTS_PER_MINUTE_MAX: '0', LOCK_TTL_MIN_MS: '300' }

const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)
const days = { from: day, to: day }
const calendar = 'demo'

const portOf = (instance: Instance): number => Number(new URL(instance.url).port)

function visit(t: { teardown(end: () => unknown): void }, url: string, more: Partial<ClientOptions> = {}) {
  const client = new SlotlockClient({ url, WebSocket, storage: new MemoryStorage(), ...more })
  t.teardown(() => client.close())
  client.connect()
  return client
}

const becomes = (client: SlotlockClient, status: SlotlockClient['status']): Promise<void> =>
  until(`the client is ${status}, not ${client.status}`, () => client.status === status, 60_000)

/** Slots that no other test of this file asks for. */
let taken = 0
function freeSlots(snapshot: CalendarSnapshot, count: number): string[] {
  const slots = [...snapshot.slots.keys()].slice(taken, taken + count)
  taken += count
  if (slots.length < count) throw new Error('the day has no more slots')
  return slots
}

const stateOf = (store: { get(): CalendarSnapshot }, slot: string) => store.get().slots.get(slot)?.state
const sees = (store: { get(): CalendarSnapshot }, slot: string, state: string): Promise<void> =>
  until(`${slot} is ${state}`, () => stateOf(store, slot) === state, 30_000)

t.test('against a running server', async t => {
  let instance = await Instance.start(t, settings)
  const proxy = await TcpProxy.start(t, portOf(instance))
  const url = `http://127.0.0.1:${proxy.port}`
  const staff = (await runCli(['token', '--role', 'staff'], settings)).stdout.trim()
  const bob = visit(t, instance.url)
  const seen = bob.calendar(calendar, days)
  await until('Bob sees the day', () => seen.get().state === 'live')

  await t.test('two visitors: one locks, extends, replaces and books, the other sees each step', async t => {
    const ann = visit(t, url)
    const [first, second] = freeSlots(seen.get(), 2) as [string, string]
    t.match(
      (await ann.listCalendars()).map(({ id }) => id),
      [calendar]
    )
    const lock = await ann.lock({ calendar, slots: [first], ttlMs: 60_000 })
    t.ok(ann.leftMs(lock) > 0 && ann.leftMs(lock) <= 60_000)
    await sees(seen, first, 'locked')
    const refusal = await bob.lock({ calendar, slots: [first] }).catch(error => error)
    t.match(refusal, { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ slot: first, state: 'locked' }] } })
    const extended = await ann.extend(lock.id, 120_000)
    t.ok(extended.endsAt > lock.endsAt)
    const other = await ann.replace(extended, [second])
    t.strictSame([...ann.locks.keys()], [other.id])
    await sees(seen, first, 'free')
    const booking = await ann.book(other.id, { customer: { name: 'Ann' } })
    t.match(booking, { slots: [second], customer: { name: 'Ann' } })
    await sees(seen, second, 'booked')
    await ann.cancelBooking(booking.id)
    await sees(seen, second, 'free')
    await ann.release((await ann.lock({ calendar, slots: [second] })).id)
    await sees(seen, second, 'free')
  })

  await t.test('a hover is seen by the other, and ends when the visitor goes', async t => {
    const ann = visit(t, url)
    await becomes(ann, 'live')
    const [slot] = freeSlots(seen.get(), 1) as [string]
    ann.select(calendar, slot)
    const hovers = () => [...seen.get().selections.values()].filter(hover => hover.slot === slot)
    await until('Bob sees the hover', () => hovers().length === 1)
    ann.close()
    await until('and its end', () => hovers().length === 0)
  })

  await t.test('two tabs are one session: what one does the other shows', async t => {
    const storage = new MemoryStorage()
    const one = visit(t, url, { storage })
    await becomes(one, 'live')
    const two = visit(t, url, { storage })
    await becomes(two, 'live')
    t.equal(two.session?.session, one.session?.session)
    const lock = await one.lock({ calendar, slots: freeSlots(seen.get(), 1) })
    await until('the other tab has the lock', () => two.locks.has(lock.id))
    await two.release(lock.id)
    await until('and loses it', () => !one.locks.has(lock.id))
  })

  await t.test('the answer to a lock is lost with the connection: sent again, it is one lock', async t => {
    const ann = visit(t, url)
    await becomes(ann, 'live')
    const [slot] = freeSlots(seen.get(), 1) as [string]
    proxy.fault({ dropDownstream: true })
    const locked = ann.lock({ calendar, slots: [slot] })
    await sees(seen, slot, 'locked') // it was granted, and nobody told Ann
    proxy.fault({ dropDownstream: false })
    proxy.cut()
    const lock = await locked
    t.strictSame([...ann.locks.keys()], [lock.id])
    t.equal(stateOf(seen, slot), 'locked')
    const naive = await ann.lock({ calendar, slots: [slot] }).catch(error => error)
    t.match(
      naive,
      { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ mine: true }] } },
      'under another requestId'
    )
    await ann.release(lock.id)
  })

  await t.test(
    'the server restarts: the session is resumed, with its locks, and the days are live again',
    async t => {
      const ann = visit(t, url)
      const store = ann.calendar(calendar, days)
      await until('Ann sees the day', () => store.get().state === 'live')
      const lock = await ann.lock({ calendar, slots: freeSlots(seen.get(), 1) })
      const { session } = ann.session!
      await instance.stop()
      await until('Ann notices', () => store.get().state === 'stale')
      instance = await Instance.start(t, settings)
      proxy.retarget(portOf(instance))
      ann.reconnectNow()
      await until('Ann sees the day', () => store.get().state === 'live', 60_000)
      t.match(ann.session, { session, resumed: true })
      t.strictSame([...ann.locks.keys()], [lock.id])
      const booked = await ann.book(lock.id, { customer: { name: 'Ann' } })
      await sees(store, booked.slots[0]!, 'booked')
    }
  )

  await t.test('WebSockets are blocked: it polls, and everything works; unblocked, it is live', async t => {
    // as a proxy does that does not pass the header on
    const strip = (bytes: Buffer): Buffer =>
      Buffer.from(bytes.toString('latin1').replace(/^upgrade: websocket/im, 'x-proxy: websocket'), 'latin1')
    proxy.fault({ rewrite: strip })
    const ann = visit(t, url)
    const told: LockChange[] = []
    ann.on('lock', change => told.push(change))
    const store = ann.calendar(calendar, days)
    await becomes(ann, 'polling')
    await until('Ann sees the day', () => store.get().state === 'live')
    const carl = visit(t, instance.url)
    const [first, second] = freeSlots(seen.get(), 2) as [string, string]

    const lock = await ann.lock({ calendar, slots: [first] })
    await carl.lock({ calendar, slots: [second] })
    await sees(store, second, 'locked')
    t.match(await ann.lock({ calendar, slots: [second] }).catch(error => error), { code: 'SLOT_UNAVAILABLE' })

    const desk = visit(t, instance.url, { token: staff })
    await desk.request('revoke', { lock: lock.id, reason: 'the room is flooded' })
    t.equal(desk.session?.role, 'staff')
    await until('Ann is told', () => told.at(-1)?.lock.state === 'revoked', 30_000)
    t.equal(ann.locks.size, 0)

    proxy.fault({ rewrite: bytes => bytes })
    proxy.cut()
    ann.reconnectNow()
    await becomes(ann, 'live')
    await until('Ann sees the day', () => store.get().state === 'live')
  })
})
