import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import type { CalendarId, LockId, SessionId, SlotId } from '../../../src/domain/ids.js'
import type { SlotRow } from '../../../src/domain/slot.js'
import type { Want } from '../../../src/service/changing/beliefs.js'
import { type Admission, Gate, gateBounds } from '../../../src/service/changing/gate.js'
import { CoalescedReads } from '../../../src/service/tools/coalesced-reads.js'

const demo = 'demo' as CalendarId
const a = 'dr-lee/2026-01-15T14:00Z' as SlotId
const b = 'dr-lee/2026-01-15T14:30Z' as SlotId
const c = 'dr-lee/2026-01-15T15:00Z' as SlotId
const nowMs = 1_768_000_000_000
const want = (lock: string, ...slots: SlotId[]): Want => ({ calendar: demo, lock: lock as LockId, slots })

const taken = (slot: SlotId, lock: string, ver = 1, more: Partial<SlotRow> = {}): SlotRow => ({
  calendar: demo,
  slot,
  state: 'locked',
  ver,
  owner: 'somebody' as SessionId,
  token: lock as LockId,
  expiresAt: nowMs + 600_000,
  ...more
})

class Rows {
  rows = new Map<SlotId, SlotRow>()
  reads: (readonly SlotId[])[] = []
  failure: Error | undefined
  hold: Promise<void> | undefined
  nowMs = (): number => nowMs

  async readSlots(_calendar: CalendarId, slots: readonly SlotId[]): Promise<SlotRow[]> {
    this.reads.push(slots)
    await this.hold
    if (this.failure !== undefined) throw this.failure
    return slots.flatMap(slot => this.rows.get(slot) ?? [])
  }

  put(row: SlotRow): void {
    this.rows.set(row.slot, row)
  }
}

/** Timers that fire when the test says so. */
class HandTimers {
  readonly tasks = new Set<() => void>()
  after(_delayMs: number, task: () => void): () => void {
    this.tasks.add(task)
    return () => this.tasks.delete(task)
  }
  fire(): void {
    for (const task of [...this.tasks]) {
      this.tasks.delete(task)
      task()
    }
  }
}

function setUp(bounds: Partial<typeof gateBounds> = {}) {
  const store = new Rows()
  const timers = new HandTimers()
  const time = { ms: 0 }
  const gate = new Gate({ store, timers, clock: { monotonic: () => time.ms } }, { ...gateBounds, ...bounds })
  return { store, timers, time, gate }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function admitted(admission: Admission): Extract<Admission, { status: 'ADMITTED' }> {
  if (admission.status !== 'ADMITTED') throw new Error(`expected ADMITTED, got ${admission.status}`)
  return admission
}

t.test('the first is admitted, and everybody else waits until the database has answered it', async t => {
  const { gate, store } = setUp()
  const first = admitted(await gate.enter(want('L1', a)))
  const others: Admission[] = []
  for (let i = 0; i < 10; i++) void gate.enter(want(`O${i}`, a)).then(one => others.push(one))
  await turn()
  t.equal(others.length, 0)

  store.put(taken(a, 'L1'))
  gate.learn([taken(a, 'L1')])
  first.leave()
  await turn()
  t.equal(others.length, 10)
  t.ok(others.every(one => one.status === 'REFUSED'))
  t.equal(store.reads.length, 1, 'one read refused them all')
})

t.test('when the grant came to nothing exactly one of those who wait goes next', async t => {
  const { gate } = setUp()
  const first = admitted(await gate.enter(want('L1', a)))
  const others: Admission[] = []
  for (let i = 0; i < 5; i++) void gate.enter(want(`O${i}`, a)).then(one => others.push(one))
  for (let round = 1; round <= 5; round++) {
    if (round === 1) first.leave()
    else admitted(others.at(-1)!).leave()
    await turn()
    t.equal(others.length, round)
    t.equal(others.at(-1)?.status, 'ADMITTED')
  }
})

t.test('requests for different slots do not wait for each other', async t => {
  const { gate } = setUp()
  admitted(await gate.enter(want('L1', a)))
  t.equal((await gate.enter(want('L2', b))).status, 'ADMITTED')
})

t.test('requests that overlap in several slots end, in whatever order they hold and want', async t => {
  const { gate } = setUp()
  const wants = [want('L1', a, b), want('L2', b, c), want('L3', a, c), want('L4', a, b, c), want('L5', c)]
  let ended = 0
  await Promise.all(
    wants.map(async one => {
      const { leave } = admitted(await gate.enter(one))
      await turn()
      ended += 1
      leave()
    })
  )
  t.equal(ended, wants.length)
})

t.test('what is believed taken is not refused if the rows say otherwise', async t => {
  const { gate, store } = setUp()
  gate.learn([taken(a, 'ghost')])
  t.equal((await gate.enter(want('L1', a))).status, 'ADMITTED')
  t.equal(store.reads.length, 1)
})

t.test('a belief that the rows denied is dropped: the next request costs no read', async t => {
  const { gate, store } = setUp()
  gate.learn([taken(a, 'ghost')])
  admitted(await gate.enter(want('L1', a))).leave()
  admitted(await gate.enter(want('L2', a))).leave()
  t.equal(store.reads.length, 1)
})

t.test('an older version changes no belief, a free slot ends it', async t => {
  const { gate, store } = setUp()
  gate.learn([taken(a, 'L9', 5)])
  gate.learn([taken(a, 'L1', 4, { state: 'free' })])
  await gate.enter(want('L1', b)).then(one => admitted(one).leave())
  store.put(taken(a, 'L9', 5))
  t.equal((await gate.enter(want('L1', a))).status, 'REFUSED', 'the free state was older')
  gate.learn([taken(a, 'L9', 6, { state: 'free' })])
  store.reads = []
  t.equal((await gate.enter(want('L1', a))).status, 'ADMITTED')
  t.equal(store.reads.length, 0)
})

t.test('its own lock and the lock it replaces stand in nobody’s way', async t => {
  const { gate, store } = setUp()
  gate.learn([taken(a, 'L1'), taken(b, 'L2')])
  admitted(await gate.enter({ ...want('L1', a, b), replaces: 'L2' as LockId })).leave()
  t.equal(store.reads.length, 0)
})

t.test(
  'in the last moments of a lock the gate does not refuse: the database’s own clock decides',
  async t => {
    const { gate, store } = setUp()
    const ending = taken(a, 'L1', 1, { expiresAt: nowMs + 5 })
    store.put(ending)
    gate.learn([ending])
    t.equal((await gate.enter(want('L2', a))).status, 'ADMITTED')
  }
)

t.test('booked and blocked slots are refused without an end', async t => {
  const { gate, store } = setUp()
  for (const row of [
    taken(a, 'L9', 1, { state: 'booked', expiresAt: 0 }),
    taken(b, 'L9', 1, { state: 'blocked', token: null, owner: null, expiresAt: 0 })
  ]) {
    store.put(row)
    gate.learn([row])
    const admission = await gate.enter(want('L1', row.slot))
    t.equal(admission.status, 'REFUSED')
    t.same(admission.status === 'REFUSED' && admission.rows, [row])
  }
})

t.test('who arrives during a read is not answered by it: it shares the next', async t => {
  const { gate, store } = setUp()
  gate.learn([taken(a, 'L9')])
  store.put(taken(a, 'L9'))
  let letGo = (): void => {}
  store.hold = new Promise(resolve => {
    letGo = resolve
  })
  const early = gate.enter(want('L1', a))
  await turn()
  const late = [gate.enter(want('L2', a)), gate.enter(want('L3', a)), gate.enter(want('L4', a))]
  await turn()
  t.equal(store.reads.length, 1)
  letGo()
  await Promise.all([early, ...late])
  t.equal(store.reads.length, 2)
})

t.test('waiting has a bound in time, and the wait that was given up is forgotten', async t => {
  const { gate, timers } = setUp()
  const first = admitted(await gate.enter(want('L1', a)))
  const second = gate.enter(want('L2', a))
  await turn()
  timers.fire()
  t.equal((await second).status, 'BUSY')
  first.leave()
  t.equal((await gate.enter(want('L3', a))).status, 'ADMITTED')
})

t.test('the bound in time counts all waits of one request together', async t => {
  const { gate, time } = setUp()
  const first = admitted(await gate.enter(want('L1', a)))
  admitted(await gate.enter(want('L2', b)))
  const both = gate.enter(want('L3', a, b))
  await turn()
  time.ms += gateBounds.waitMsMax
  first.leave()
  t.equal((await both).status, 'BUSY', 'nothing was left of its time for the second grant')
})

t.test('waiting has a bound in number', async t => {
  const { gate } = setUp({ waitersPerGrantMax: 2 })
  const first = admitted(await gate.enter(want('L1', a)))
  const waiting = [gate.enter(want('L2', a)), gate.enter(want('L3', a))]
  t.equal((await gate.enter(want('L4', a))).status, 'BUSY')
  first.leave()
  admitted(await waiting[0]!).leave()
  admitted(await waiting[1]!).leave()
})

t.test('doubts that come back again and again end at the database', async t => {
  const { gate, store } = setUp({ readsPerRequestMax: 3 })
  const read = store.readSlots.bind(store)
  store.readSlots = async (calendar, slots) => {
    const rows = await read(calendar, slots)
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => gate.learn([taken(a, 'L9')]))))
    return rows
  }
  gate.learn([taken(a, 'L9')])
  t.equal((await gate.enter(want('L1', a))).status, 'ADMITTED')
  t.ok(store.reads.length <= 3)
})

t.test('a read that fails is everybody’s failure, and the next read starts afresh', async t => {
  const { gate, store } = setUp()
  gate.learn([taken(a, 'L9')])
  store.put(taken(a, 'L9'))
  store.failure = new StoreUnavailable('out')
  await t.rejects(gate.enter(want('L1', a)), { code: 'STORE_UNAVAILABLE' })
  store.failure = undefined
  t.equal((await gate.enter(want('L1', a))).status, 'REFUSED')
})

t.test('more questions than fit are refused, not queued', async t => {
  let letGo = (): void => {}
  const held = new Promise<void>(resolve => {
    letGo = resolve
  })
  const calls: number[] = []
  const reads = new CoalescedReads<number, number>(
    async keys => {
      calls.push(keys.length)
      await held
      return keys.map(key => [key, key * 2] as const)
    },
    { keysPerReadMax: 2, keysWaitingMax: 5 }
  )
  const first = reads.read([1])
  await turn()
  const rest = reads.read([1, 2, 3, 4, 5])
  await t.rejects(reads.read([6]), { code: 'STORE_BUSY' })
  letGo()
  t.equal((await first).get(1), 2)
  t.equal((await rest).get(5), 10)
  t.same(calls, [1, 2, 2, 1])
})
