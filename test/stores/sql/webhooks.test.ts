import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StoreBusy } from '../../../src/domain/errors.js'
import {
  type Delivery,
  deliveredKeptMs,
  type EndpointKey,
  retriedForMs,
  type WebhookStore
} from '../../../src/domain/webhook-store.js'
import { defaultStoreSettings } from '../../../src/stores/sql/context.js'
import { type Database, newSqlStats } from '../../../src/stores/sql/dialect.js'
import { SqlLockStore } from '../../../src/stores/sql/lock-store.js'
import { MysqlDatabase } from '../../../src/stores/sql/mysql.js'
import { defaultMysqlTimeouts } from '../../../src/stores/sql/mysql-connection.js'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { scratchCalendar } from '../../../src/stores/sql/scratch.js'
import { auditTypesOf } from '../../../src/webhooks/event.js'
import { MariadbServer } from '../../helpers/mariadb.js'
import { until } from '../../helpers/process.js'
import { bookOf, granted, slots } from '../lock-store-fixture.js'
import { agedBy } from './aged.js'
import { benchOn, countOf, waitsForRow } from './mariadb.js'
import { SetClock } from './set-clock.js'

const one = 'endpoint-number1' as EndpointKey
const two = 'endpoint-number2' as EndpointKey
const all = auditTypesOf([])
const day = 86_400_000

/** These tests are about what is promised, not about how soon. */
const patient = { acquireTimeoutMs: 20_000, connectTimeoutMs: 20_000, queryTimeoutMs: 20_000 }

interface Subject {
  store: SqlLockStore
  outbox: WebhookStore
  age(ms: number): Promise<void>
}

const collect = async (outbox: WebhookStore, over: Partial<Parameters<WebhookStore['collect']>[0]> = {}) => {
  const { newest } = await outbox.readOutbox([one])
  return outbox.collect({
    after: 0,
    to: newest,
    endpoints: [one],
    types: all,
    ageMaxMs: retriedForMs,
    ...over
  })
}
const dueOf = async (outbox: WebhookStore, endpoint = one) => (await outbox.readDue(endpoint, 100)).due
const firstOf = (due: readonly Delivery[]): Delivery => due[0]!
const threeOf = (due: readonly Delivery[]): [Delivery, Delivery, Delivery] => [due[0]!, due[1]!, due[2]!]
const typesOf = async (outbox: WebhookStore, endpoint = one) =>
  (await dueOf(outbox, endpoint)).map(({ event }) => event.type)

/** What the outbox promises on either database. */
function outboxPromises(t: Test, open: (t: Test) => Promise<Subject>): void {
  const promise = (title: string, check: (t: Test, subject: Subject) => Promise<void>) =>
    t.test(title, async t => check(t, await open(t)))

  promise(
    'what happened before an endpoint wanted to be told is no event for it; what comes after is',
    async (t, { store, outbox }) => {
      await granted(store, { slots: slots(1) })
      await outbox.register([one])
      const { settled, newest } = await outbox.readOutbox([one])
      t.equal(settled, newest)
      await granted(store, { slots: slots(2) })
      await outbox.register([one, two])
      const both = await outbox.readOutbox([one, two])
      t.equal(both.settled, settled, 'registering again takes nothing back')
      await granted(store, { slots: slots(3) })
      await collect(outbox, { after: settled, endpoints: [one, two] })
      t.match(await dueOf(outbox), [
        { event: { type: 'locked', slots: slots(2) }, attempts: 0 },
        { event: { slots: slots(3) } }
      ])
      t.match(await dueOf(outbox, two), [{ event: { slots: slots(3) } }])
      t.equal((await dueOf(outbox, two)).length, 1)
    }
  )

  promise(
    'who collects without knowing of an added endpoint takes nothing from it',
    async (t, { store, outbox }) => {
      await outbox.register([one])
      await outbox.register([two])
      await granted(store, { slots: slots(1) })
      await collect(outbox, { endpoints: [one] })
      const { newest } = await outbox.readOutbox([one])
      await outbox.settle(newest, [one])
      t.equal((await outbox.readOutbox([one])).settled, newest)
      const { settled } = await outbox.readOutbox([one, two])
      t.ok(settled < newest, 'its successor, who does, begins where the added one began')
      await collect(outbox, { after: settled, endpoints: [one, two] })
      t.match(await dueOf(outbox, two), [{ event: { slots: slots(1) } }])
      t.equal((await dueOf(outbox)).length, 1, 'and the other is told nothing twice')
    }
  )

  promise(
    'an event that is read twice is one delivery, and comes with all that a receiver is told',
    async (t, { store, outbox }) => {
      await outbox.register([one])
      const { request, outcome } = await granted(store)
      await store.release({ lock: request.lock, owner: request.owner })
      t.equal(await collect(outbox), 2)
      t.equal(await collect(outbox), 0)
      const [held, released] = await dueOf(outbox)
      t.match(held, {
        event: { type: 'locked', lock: request.lock, fence: outcome.lock.fence },
        changeId: /^\S+$/
      })
      t.match(released, { event: { type: 'released' } })
      t.not(held!.changeId, released!.changeId)
    }
  )

  promise(
    'only what is wanted is collected: by type, by age, and never what the doctor tries',
    async (t, { store, outbox, age }) => {
      await outbox.register([one])
      const { request } = await granted(store)
      await store.release({ lock: request.lock, owner: request.owner })
      const scratch = await granted(store, { calendar: scratchCalendar() })
      await store.release({ lock: scratch.request.lock, owner: scratch.request.owner })
      t.equal(await collect(outbox, { types: ['released'] }), 1)
      t.strictSame(await typesOf(outbox), ['released'])
      await age(retriedForMs + 1_000)
      t.equal(await collect(outbox), 0)
    }
  )

  promise(
    'one of the instances has the lease, until it gives it back or its time is over',
    async (t, { outbox, age }) => {
      await outbox.register([one])
      t.equal(await outbox.takeLease('ann', 10_000), true)
      t.equal(await outbox.takeLease('bob', 10_000), false)
      t.equal(await outbox.takeLease('ann', 10_000), true, 'renewed')
      await outbox.giveBackLease('bob')
      t.equal(await outbox.takeLease('bob', 10_000), false)
      await outbox.giveBackLease('ann')
      t.equal(await outbox.takeLease('bob', 10_000), true)
      await age(10_001)
      t.equal(await outbox.takeLease('ann', 10_000), true)
    }
  )

  promise(
    'what became of an attempt is recorded once: who comes late with another word changes nothing',
    async (t, { store, outbox, age }) => {
      await outbox.register([one])
      await granted(store)
      await collect(outbox)
      const { event } = firstOf(await dueOf(outbox))
      const attempt = { endpoint: one, seq: event.id, answer: '500' }
      await outbox.record([{ ...attempt, attempts: 0, became: { state: 'waiting', dueInMs: 60_000 } }])
      t.strictSame(await dueOf(outbox), [], 'its turn has not come')
      await outbox.record([{ ...attempt, attempts: 0, became: { state: 'dead' } }])
      await age(61_000)
      t.match(await dueOf(outbox), [{ attempts: 1 }])
      await outbox.record([{ ...attempt, attempts: 1, answer: '204', became: { state: 'delivered' } }])
      await outbox.record([{ ...attempt, attempts: 1, became: { state: 'dead' } }])
      t.match(await outbox.readStandings(), [{ endpoint: one, gone: false, waiting: 0, dead: 0 }])
      t.equal(await collect(outbox), 0, 'delivered stays delivered')
    }
  )

  promise(
    'what was given up is listed with its reason, and can be sent again or forgotten',
    async (t, { store, outbox }) => {
      await outbox.register([one, two])
      for (const index of [1, 2, 3]) await granted(store, { slots: slots(index) })
      await collect(outbox, { endpoints: [one, two] })
      const dead = { dueForMs: 0, answer: 'gone', deliveriesMax: 2 }
      t.equal(await outbox.giveUp(one, dead), 2, 'so many at a time')
      t.equal(await outbox.giveUp(one, dead), 1)
      t.match(await outbox.readStandings(), [
        { endpoint: one, dead: 3, waiting: 0 },
        { endpoint: two, dead: 0, waiting: 3 }
      ])
      t.match(await outbox.readDead(one, 2), [{ answer: 'gone', attempts: 0, event: { type: 'locked' } }, {}])
      t.equal(await outbox.replayDead(one), 3)
      t.strictSame(await typesOf(outbox), ['locked', 'locked', 'locked'])
      await outbox.giveUp(one, dead)
      t.equal(await outbox.discardDead(one), 2)
      t.match(await outbox.readStandings(), [{ dead: 0, waiting: 1 }, { waiting: 3 }])
    }
  )

  promise(
    'one event or all since a time are sent again, delivered or not',
    async (t, { store, outbox, age }) => {
      await outbox.register([one])
      await granted(store, { slots: slots(1) })
      await age(day)
      const { request } = await granted(store, { slots: slots(2) })
      await store.book(bookOf(request))
      await collect(outbox)
      const [first, second, third] = threeOf(await dueOf(outbox))
      const took = (seq: number) => ({
        endpoint: one,
        seq,
        attempts: 0,
        answer: '204',
        became: { state: 'delivered' as const }
      })
      await outbox.record([first, second, third].map(({ event }) => took(event.id)))
      t.strictSame(await dueOf(outbox), [])
      t.equal(await outbox.replay(one, { seq: first.event.id }), 1)
      t.match(await dueOf(outbox), [{ event: { type: 'locked' }, attempts: 0 }])
      t.equal(await outbox.replay(one, { seq: 1_000_000 }), 0, 'there is no such event')
      t.equal(await outbox.replay(one, { sinceMs: second.event.at - 60_000, types: all }), 2)
      t.strictSame((await typesOf(outbox)).sort(), ['booked', 'locked', 'locked'])
      t.equal(await outbox.replay(one, { sinceMs: 0, types: ['booked'] }), 1)
      t.equal(await outbox.replay(one, { sinceMs: 0, types: all }), 3)
    }
  )

  promise(
    'an endpoint that is back need not wait for the turns of what failed',
    async (t, { store, outbox }) => {
      await outbox.register([one])
      await granted(store)
      await collect(outbox)
      const { event } = firstOf(await dueOf(outbox))
      const failed = { endpoint: one, seq: event.id, attempts: 0, answer: '500' }
      await outbox.record([{ ...failed, became: { state: 'waiting', dueInMs: day } }])
      t.strictSame(await dueOf(outbox), [])
      t.equal(await outbox.hurry(one, 100), 1)
      t.match(await dueOf(outbox), [{ attempts: 1 }])
    }
  )

  promise(
    'what had no turn for three days is given up, what is delivered is forgotten after four',
    async (t, { store, outbox, age }) => {
      await outbox.register([one])
      for (const index of [1, 2]) await granted(store, { slots: slots(index) })
      await collect(outbox)
      const { event } = firstOf(await dueOf(outbox))
      await outbox.record([
        { endpoint: one, seq: event.id, attempts: 0, answer: '204', became: { state: 'delivered' } }
      ])
      const old = { dueForMs: retriedForMs, answer: 'out', deliveriesMax: 100 }
      t.equal(await outbox.giveUp(one, old), 0)
      await age(deliveredKeptMs + 1_000)
      t.equal(await outbox.giveUp(one, old), 1)
      const { deleted } = await store.purge(100)
      t.ok(deleted >= 1)
      t.match(
        await outbox.readStandings(),
        [{ dead: 1 }],
        'what was given up is there as long as its event is'
      )
      await age(90 * day)
      await granted(store, { slots: slots(3) })
      await store.purge(100)
      await store.purge(100)
      t.match(await outbox.readStandings(), [{ dead: 0 }])
    }
  )

  promise('an endpoint that asked for nothing more stays known as that', async (t, { outbox }) => {
    await outbox.register([one, two])
    await outbox.setGone(two, true)
    await outbox.register([one, two])
    t.strictSame([...(await outbox.readOutbox([one])).gone], [two])
    await outbox.setGone(two, false)
    t.equal((await outbox.readOutbox([one])).gone.size, 0)
  })
}

t.test('the outbox on SQLite', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-outbox-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  let count = 0
  outboxPromises(t, async t => {
    const clock = new SetClock()
    const store = await openSqliteStore(join(folder, `${++count}.db`), { clock, deadlineMs: 30_000 })
    await store.migrate()
    t.teardown(() => store.close())
    return { store, outbox: store.webhooks(), age: async ms => clock.pass(ms) }
  })
})

t.test('the outbox on MariaDB', async t => {
  const server = await MariadbServer.start()
  t.teardown(() => server.stop())
  outboxPromises(t, async t => {
    const bench = await benchOn(t, server)
    const store = await bench.open(patient)
    const age = async (ms: number) => {
      await agedBy(bench.look, ms)
      await bench.look.query(`UPDATE webhook_outbox SET until_ms = until_ms - ${ms};
        UPDATE webhook_deliveries SET due_ms = due_ms - ${ms}, since_ms = since_ms - ${ms}`)
    }
    return { store, outbox: store.webhooks(), age }
  })

  /** A change that has written its event and not committed, while one with a greater number has; then both have. */
  async function commitOutOfOrder(t: Test, change: (database: Database) => Database): Promise<number> {
    const bench = await benchOn(t, server)
    const store = await bench.open(patient)
    const database = new MysqlDatabase(bench.url, {
      ...defaultMysqlTimeouts,
      ...patient,
      clock: new SetClock(),
      random: Math.random,
      connectionsMax: 1,
      waitersMax: 10,
      stats: newSqlStats()
    })
    t.teardown(() => database.close())
    const outbox = new SqlLockStore(change(database), newSqlStats(), defaultStoreSettings).webhooks()
    await outbox.register([one])
    const late = await server.connect(bench.name)
    t.teardown(() => late.destroy())
    await late.query(`START TRANSACTION; INSERT INTO audit (calendar, at_ms, type, slots, ver, change_id, lock_id, booking_id,
      owner, fence, expires_ms, actor, actor_session) VALUES ('clinic', ${Date.now()}, 'locked', 'a/2031-01-15T08:00Z', 1, 'late',
      'l', '', 'o', 1, 1, 'visitor', 'o')`)
    await granted(store, { slots: slots(1) })
    const { newest } = await outbox.readOutbox([one])
    // one pass, as the collector makes it; while somebody else holds the row for too long it is made again
    const pass = (async () => {
      for (;;) {
        try {
          return await collect(outbox, { to: newest })
        } catch (error) {
          if (!(error instanceof StoreBusy)) throw error
        }
      }
    })()
    let over = false
    void pass.then(() => {
      over = true
    })
    await until('the pass waits for the row, or is over', async () => over || (await waitsForRow(bench.look)))
    await late.query('COMMIT')
    await pass
    return countOf(bench.look, 'webhook_deliveries')
  }

  await t.test('an event that commits after one with a greater number is not stepped over', async t => {
    t.equal(await commitOutOfOrder(t, database => database), 2)
  })

  await t.test('twin: a plain reading of the same range steps over it', async t => {
    const plain = (database: Database): Database =>
      new Proxy(database, {
        get(target, name) {
          if (name === 'dialect') return { ...target.dialect, withUncommitted: '' }
          const member: unknown = Reflect.get(target, name)
          return typeof member === 'function' ? member.bind(target) : member
        }
      })
    t.equal(await commitOutOfOrder(t, plain), 1)
  })
})
