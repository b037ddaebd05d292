import fc from 'fast-check'
import t from 'tap'
import { demoCalendar } from '../../src/domain/calendar-definition.js'
import { OutcomeUnknown, StoreBusy, StoreUnavailable } from '../../src/domain/errors.js'
import { type CalendarId, parseLockId, type SlotId } from '../../src/domain/ids.js'
import type { Outcome } from '../../src/service/answers/refusal.js'
import { newSqlStats } from '../../src/stores/sql/dialect.js'
import { SqlLockStore } from '../../src/stores/sql/lock-store.js'
import { SqliteDatabase } from '../../src/stores/sql/sqlite.js'
import { callerNamed, HandClock, type ServiceWorld, serviceWorld, slotAt } from '../service/service-world.js'
import { type Fault, faults, type Lie, UnreliableDatabase } from './unreliable-database.js'

/**
 * Two instances over one database, three visitors and a member of staff who do several things at once, and a scheduler
 * that decides which message arrives when. On its way to the database or back a packet may be lost, doubled, or be carried out long after
 * its sender gave up; an instance may crash and take what it was doing with it. The clock stands still, so nothing
 * ever expires: every lock that was acknowledged has to be there until its holder gives it back or staff take it, every booking until
 * it is cancelled, and every closed slot until somebody asks to open it.
 */

type Step = { instance: 0 | 1 } & (
  | { do: 'lock'; slots: number[] }
  | { do: 'replace'; slots: number[] }
  | { do: 'extend' }
  | { do: 'release' }
  | { do: 'book' }
  | { do: 'cancel' }
  | { do: 'crash' }
)
/** `pick`: the lock that was granted so many before the last one. */
type StaffStep = { instance: 0 | 1 } & (
  | { do: 'revoke'; pick: number }
  | { do: 'block' | 'unblock'; slots: number[] }
)

const instanceArb = fc.constantFrom<0 | 1>(0, 1)
const slotsArb = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 })
const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('lock' as const), instance: instanceArb, slots: slotsArb })
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('replace' as const), instance: instanceArb, slots: slotsArb })
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('extend' as const), instance: instanceArb }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), instance: instanceArb }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('book' as const), instance: instanceArb }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), instance: instanceArb }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), instance: instanceArb }) }
)
const visitors = ['ann', 'bob', 'eve'] as const
const staffStepArb: fc.Arbitrary<StaffStep> = fc.oneof(
  fc.record({ do: fc.constant('revoke' as const), instance: instanceArb, pick: fc.nat(2) }),
  fc.record({ do: fc.constantFrom('block', 'unblock'), instance: instanceArb, slots: slotsArb })
)
const storyArb = fc.record({
  visits: fc.tuple(...visitors.map(() => fc.array(stepArb, { minLength: 1, maxLength: 5 }))),
  staff: fc.array(staffStepArb, { maxLength: 5 })
})
type Script = typeof storyArb extends fc.Arbitrary<infer Value> ? Value : never

/**
 * From the answer's arrival until the visitor or staff asked for its end; counted in events, for the clock stands still.
 * A closing is one too: from the answer that names the slot as blocked until anybody asked to open it.
 */
interface Hold {
  lock: string
  slots: SlotId[]
  from: number
  to: number
  state: 'held' | 'booked' | 'blocked'
}

/** A visitor asks again so often, on the other instance every second time, before it leaves a request open. */
const triesMax = 6

class Story {
  readonly holds: Hold[] = []
  readonly wrong: string[] = []
  readonly #worlds: ServiceWorld[]
  readonly #databases: (UnreliableDatabase | undefined)[]
  readonly #restart: (instance: 0 | 1) => Promise<void>
  /** An opening that got lost may open the next closing: it has no id to be known by. */
  readonly #openings = new Set<SlotId>()
  #events = 0

  constructor(
    worlds: ServiceWorld[],
    databases: UnreliableDatabase[],
    restart: (instance: 0 | 1) => Promise<void>
  ) {
    this.#worlds = worlds
    this.#databases = databases
    this.#restart = restart
  }

  async visit(name: string, steps: readonly Step[]): Promise<void> {
    const caller = callerNamed(name)
    let requests = 0
    let mine: Hold | undefined
    let booking: { id: string; hold: Hold } | undefined
    const calendar = 'demo' as CalendarId
    for (const step of steps) {
      const requestId = `${name}-${requests++}`
      const held = mine
      switch (step.do) {
        case 'lock':
        case 'replace': {
          if (step.do === 'replace' && held === undefined) break
          const slots = step.slots.map(index => slotAt(index))
          const replaces = step.do === 'replace' ? held?.lock : undefined
          // Whatever comes of it, the old one may be gone from now on.
          if (replaces !== undefined) this.#end(held)
          const answer = await this.#ask(step.instance, world =>
            world.handlers.lock(caller, {
              calendar,
              slots,
              requestId,
              ...(replaces === undefined ? {} : { replaces })
            })
          )
          if (!answer?.ok) {
            if (replaces !== undefined) mine = undefined
            break
          }
          const { lock } = answer.value
          if (lock.state !== 'held') this.wrong.push(`${name} was given a lock that is ${lock.state}`)
          mine = {
            lock: lock.id,
            slots: lock.slots as SlotId[],
            from: this.#events++,
            to: Number.POSITIVE_INFINITY,
            state: 'held'
          }
          this.holds.push(mine)
          break
        }
        case 'extend': {
          if (held === undefined) break
          const answer = await this.#ask(step.instance, world =>
            world.handlers.extend(caller, { lock: held.lock })
          )
          if (answer?.ok === false && this.#lives(held))
            this.wrong.push(`${name} could not extend a live lock: ${answer.refusal.code}`)
          break
        }
        case 'release': {
          if (held === undefined) break
          this.#end(held)
          mine = undefined
          const answer = await this.#ask(step.instance, world =>
            world.handlers.release(caller, { lock: held.lock })
          )
          if (answer?.ok === false) this.wrong.push(`${name} could not release: ${answer.refusal.code}`)
          break
        }
        case 'book': {
          if (held === undefined) break
          mine = undefined
          const answer = await this.#ask(step.instance, world =>
            world.handlers.book(caller, { lock: held.lock, requestId, customer: { name } })
          )
          if (answer?.ok) {
            held.state = 'booked'
            // whatever staff asked for came too late to end it
            held.to = Number.POSITIVE_INFINITY
            booking = { id: answer.value.booking.id, hold: held }
          } else if (answer !== undefined && this.#lives(held))
            this.wrong.push(`${name} could not book a live lock: ${answer.refusal.code}`)
          break
        }
        case 'cancel': {
          if (booking === undefined) break
          const { id, hold } = booking
          booking = undefined
          this.#end(hold)
          const answer = await this.#ask(step.instance, world =>
            world.handlers.cancelBooking(caller, { booking: id })
          )
          if (answer?.ok === false) this.wrong.push(`${name} could not cancel: ${answer.refusal.code}`)
          break
        }
        case 'crash':
          await this.#restart(step.instance)
          break
        default:
          step satisfies never
      }
    }
  }

  async oversee(steps: readonly StaffStep[]): Promise<void> {
    const staff = callerNamed('sue', 'staff')
    const calendar = 'demo' as CalendarId
    for (const step of steps) {
      if (step.do === 'revoke') {
        const hold = this.holds.filter(({ state }) => state === 'held').at(-1 - step.pick)
        if (hold === undefined) continue
        this.#end(hold)
        await this.#ask(step.instance, world => world.handlers.revoke(staff, { lock: hold.lock }))
        continue
      }
      const slots = step.slots.map(index => slotAt(index))
      if (step.do === 'unblock') {
        for (const slot of slots) this.#openings.add(slot)
        for (const hold of this.holds)
          if (hold.state === 'blocked' && slots.includes(hold.slots[0]!)) this.#end(hold)
        await this.#ask(step.instance, world => world.handlers.unblock(staff, { calendar, slots }))
        continue
      }
      const answer = await this.#ask(step.instance, world => world.handlers.block(staff, { calendar, slots }))
      if (!answer?.ok) continue
      const from = this.#events++
      for (const { slot, state } of answer.value.slots) {
        if (state !== 'blocked' || this.#openings.has(slot as SlotId)) continue
        const closing = { slots: [slot as SlotId], from, to: Number.POSITIVE_INFINITY }
        this.holds.push({ lock: 'closed', state: 'blocked', ...closing })
      }
    }
  }

  /** Nobody has asked for its end. */
  #lives({ to }: Hold): boolean {
    return to === Number.POSITIVE_INFINITY
  }

  /** undefined: no answer after all tries, so it may have happened, or happen yet. */
  async #ask<T>(
    instance: 0 | 1,
    request: (world: ServiceWorld) => Promise<Outcome<T>>
  ): Promise<Outcome<T> | undefined> {
    for (let tries = 0; tries < triesMax; tries++) {
      try {
        const answer = await request(this.#worlds[(instance + tries) % 2]!)
        if (answer.ok || !['BUSY', 'OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE'].includes(answer.refusal.code))
          return answer
      } catch (error) {
        if (![OutcomeUnknown, StoreBusy, StoreUnavailable].some(kind => error instanceof kind)) throw error
      }
    }
    return undefined
  }

  #end(hold: Hold | undefined): void {
    if (hold !== undefined) hold.to = Math.min(hold.to, this.#events++)
  }

  replaceInstance(instance: 0 | 1, world: ServiceWorld, database: UnreliableDatabase): void {
    const old = this.#databases[instance]
    if (old !== undefined) old.crashed = true
    this.#databases[instance] = database
    this.#worlds[instance] = world
  }
}

async function verdict(story: Story, truth: SqlLockStore): Promise<string[]> {
  const wrong = [...story.wrong]
  for (const [index, one] of story.holds.entries()) {
    for (const other of story.holds.slice(index + 1)) {
      if (other.lock === one.lock || one.to < other.from || other.to < one.from) continue
      const shared = one.slots.filter(slot => other.slots.includes(slot))
      if (shared.length > 0) wrong.push(`${shared} had two holders, ${one.lock} and ${other.lock}`)
    }
    if (one.to !== Number.POSITIVE_INFINITY) continue
    const rows = await truth.readSlots('demo' as CalendarId, one.slots)
    if (one.state === 'blocked') {
      if (rows[0]?.state !== 'blocked') wrong.push(`${one.slots} was closed, and is ${rows[0]?.state}`)
      continue
    }
    const lock = await truth.readLock(parseLockId(one.lock)!)
    const kept = rows.filter(
      row => row.token === one.lock && (row.state === 'locked' || row.state === 'booked')
    )
    if (kept.length !== one.slots.length || lock === undefined || !['held', 'booked'].includes(lock.state)) {
      wrong.push(
        `the acknowledged lock ${one.lock} is ${lock?.state} and has ${kept.length} of ${one.slots.length} slots`
      )
    }
    if (one.state === 'booked' && lock?.state !== 'booked')
      wrong.push(`the acknowledged booking of ${one.lock} is not there`)
  }
  // all or nothing, also for locks that nobody was told of
  const rows = await truth.readRange('demo' as CalendarId, 0, Number.MAX_SAFE_INTEGER)
  for (const token of new Set(rows.filter(row => row.state === 'locked').map(row => row.token!))) {
    const lock = await truth.readLock(token)
    const held = rows.filter(row => row.token === token && row.state === 'locked').map(row => row.slot)
    if (lock?.state !== 'held' || lock.slots.join() !== held.sort().join())
      wrong.push(`${token} is held in part`)
  }
  return wrong
}

async function tell(
  scheduler: fc.Scheduler,
  { visits, staff }: Script,
  faultsOf: () => Fault | Lie
): Promise<string[]> {
  const clock = new HandClock()
  const sqlite = new SqliteDatabase(':memory:', clock, newSqlStats())
  const truth = new SqlLockStore(sqlite)
  const ends: (() => Promise<void>)[] = []
  const scope = { teardown: (end: () => Promise<void>) => void ends.push(end) }
  await truth.migrate()
  await truth.putCalendar(demoCalendar('UTC'))
  const instance = async () => {
    const database = new UnreliableDatabase(sqlite, scheduler, faultsOf)
    return { database, world: await serviceWorld(scope, { store: new SqlLockStore(database), clock }) }
  }
  const [first, second] = [await instance(), await instance()]
  const story: Story = new Story(
    [first.world, second.world],
    [first.database, second.database],
    async which => {
      const fresh = await instance()
      story.replaceInstance(which, fresh.world, fresh.database)
    }
  )
  await scheduler.waitFor(
    Promise.all([...visits.map((steps, index) => story.visit(visitors[index]!, steps)), story.oversee(staff)])
  )
  await scheduler.waitIdle()
  const wrong = await verdict(story, truth)
  for (const end of ends) await end()
  await truth.close()
  return wrong
}

const runs = 150

t.test(
  'whatever is lost, doubled, late or crashed, a lock that was acknowledged is held by one, whole, until it is given back or taken',
  async t => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        storyArb,
        fc.infiniteStream(
          fc.oneof({ weight: 3, arbitrary: fc.constant<Fault>('none') }, fc.constantFrom(...faults))
        ),
        async (scheduler, script, stream) => {
          const wrong = await tell(scheduler, script, () => stream.next().value ?? 'none')
          if (wrong.length > 0) throw new Error(wrong.join('\n'))
        }
      ),
      { numRuns: runs }
    )
    t.pass(`${runs} stories`)
  }
)

t.test('a store that acknowledges before it commits is found out by the same stories', async t => {
  const details = await fc.check(
    fc.asyncProperty(fc.scheduler(), storyArb, async (scheduler, script) => {
      let packets = 0
      const wrong = await tell(scheduler, script, () =>
        packets++ % 4 === 3 ? 'acknowledged before commit' : 'none'
      )
      return wrong.length === 0
    }),
    { numRuns: runs, endOnFailure: true }
  )
  t.equal(details.failed, true)
})
