import t from 'tap'
import { StoreUnavailable } from '../../src/domain/errors.js'
import type { LockId, SessionId } from '../../src/domain/ids.js'
import type { AuditEntryView } from '../../src/protocol/schemas.js'
import type { StaffChanges } from '../../src/service/reading/staff-desk.js'
import { Metrics } from '../../src/transport/metrics.js'
import type { OutboxState } from '../../src/transport/outbox.js'
import { StaffHub } from '../../src/transport/staff-hub.js'
import { until } from '../helpers/process.js'
import { calendar, lockRecord, row, ScriptedFeed, slotId } from './fixture.js'

const lockId = (n: number): LockId => String(n).padStart(22, 'a') as LockId
const entry = (id: number, at: number): AuditEntryView => ({
  id,
  type: 'locked',
  at,
  calendar,
  slots: [slotId(id)],
  actor: { role: 'visitor' },
  lock: lockId(id)
})

/** An audit trail in memory: rows with the time at which they were made, and come to light when they are put in. */
class Trail {
  now = 1_000_000
  rows: AuditEntryView[] = []
  readings = 0
  failing = false
  rowsMax = 1_000

  nowMs = (): number => this.now

  changesSince = async (_: string, sinceMs: number, known: ReadonlySet<number>): Promise<StaffChanges> => {
    this.readings += 1
    if (this.failing) throw new StoreUnavailable('out')
    const found = this.rows.filter(({ at }) => at >= sinceMs).sort((a, b) => a.at - b.at || a.id - b.id)
    const read = found.slice(0, this.rowsMax)
    const full = read.length >= this.rowsMax
    return {
      locks: [],
      ended: read.map(({ lock }) => lock as LockId),
      feed: read.filter(({ id }) => !known.has(id)),
      reachedMs: full ? read.at(-1)!.at : this.now,
      full
    }
  }
}

class Staff {
  state: OutboxState = 'IN_SYNC'
  good = true
  tooMuch = 0
  readonly frames: Buffer[] = []
  readonly outbox: {
    send(frame: Buffer): void
    broadcast(): void
    forget(): void
    readonly state: OutboxState
  }

  constructor() {
    const self = this
    this.outbox = {
      send: frame => void this.frames.push(frame),
      broadcast: () => undefined,
      forget: () => undefined,
      get state() {
        return self.state
      }
    }
  }
  staysStaff = (): boolean => this.good
  missedTooMuch = (): void => {
    this.tooMuch += 1
  }

  get told(): number[] {
    return this.frames.flatMap(frame => {
      const text = frame.subarray(frame.indexOf('{')).toString()
      return (JSON.parse(text) as { feed: { id: number }[] }).feed.map(({ id }) => id)
    })
  }
}

function scene(t: { teardown(end: () => void): void }) {
  const feed = new ScriptedFeed()
  const metrics = new Metrics({ defaults: false })
  const trail = new Trail()
  const hub = new StaffHub<Staff>({ feed, metrics, desk: trail, tickMs: 5 })
  t.teardown(() => {
    hub.close()
    metrics.close()
  })
  let ver = 0
  const change = (...rows: AuditEntryView[]): void => {
    trail.rows.push(...rows)
    ver += 1
    feed.emit({ kind: 'slots', calendar, rows: [row(slotId(ver), ver)] })
  }
  const join = (staff = new Staff()): Staff => {
    hub.watch(staff, calendar)
    hub.listed(staff, calendar)
    return staff
  }
  /** Long enough for whatever was heard of to have been read: a reading that begins later has ended. */
  const calm = async (): Promise<void> => {
    const readings = trail.readings
    feed.emit({ kind: 'lock', lock: lockRecord('s'.repeat(22) as SessionId) })
    await until('it was read', () => trail.readings > readings)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return { hub, feed, trail, change, join, calm }
}

t.test('when the clock of the database steps back, what comes next is told at once', async t => {
  const { trail, change, join, calm } = scene(t)
  const [inStep, slow] = [join(), join()]
  await calm()
  trail.now -= 60_000
  change(entry(1, trail.now))
  await until('it is told', () => inStep.told.length === 1)
  slow.state = 'BEHIND'
  change(entry(2, trail.now))
  await until('so is the next', () => inStep.told.length === 2)
  trail.now -= 60_000
  change(entry(3, trail.now))
  await until('and what came after another step', () => inStep.told.length === 3)
  slow.state = 'IN_SYNC'
  await until('also to who was too slow', () => slow.told.includes(3))
})

t.test('all staff of a calendar get the same bytes, from one reading', async t => {
  const { trail, change, join, calm } = scene(t)
  const all = [join(), join(), join()]
  await calm()
  const readings = trail.readings
  for (let n = 1; n <= 50; n++) change(entry(n, trail.now))
  await until('it was told', () => all.every(({ told }) => told.length === 50))
  t.equal(all[0]!.frames.length, 1)
  t.ok(all.every(({ frames }) => frames[0] === all[0]!.frames[0]))
  t.ok(trail.readings - readings <= 2, 'fifty changes of one turn were one reading')
})

t.test('an entry that comes to light late is told, and none is told twice', async t => {
  const { trail, change, join, calm } = scene(t)
  const staff = join()
  await calm()
  change(entry(2, trail.now))
  await until('the second is told', () => staff.told.length === 1)
  trail.now += 2_900
  change(entry(3, trail.now))
  await until('the third is told', () => staff.told.length === 2)
  change(entry(1, trail.now - 2_950))
  await calm()
  t.strictSame(staff.told, [2, 3, 1])
})

t.test(
  'nothing is told before the list has been sent, and nothing since it was asked for is missed',
  async t => {
    const { hub, trail, change, join, calm } = scene(t)
    join()
    const late = new Staff()
    hub.watch(late, calendar)
    change(entry(1, trail.now))
    await calm()
    t.strictSame(late.told, [])
    hub.listed(late, calendar)
    await until('it is told', () => late.told.length === 1)
    change(entry(2, trail.now))
    await calm()
    t.strictSame(late.told, [1, 2])
  }
)

t.test('a slow reader is told what it missed once it reads again, and holds nobody up', async t => {
  const { trail, change, join, calm } = scene(t)
  const [slow, quick] = [join(), join()]
  await calm()
  slow.state = 'BEHIND'
  for (let n = 1; n <= 5; n++) {
    trail.now += 10
    change(entry(n, trail.now))
    await calm()
  }
  t.strictSame(quick.told, [1, 2, 3, 4, 5])
  t.strictSame(slow.told, [])
  slow.state = 'IN_SYNC'
  await until('it caught up', () => slow.told.length === 5)
  change(entry(6, trail.now))
  await calm()
  t.strictSame(slow.told, [1, 2, 3, 4, 5, 6])
})

t.test('who missed more than one reading holds is sent for the list', async t => {
  const { trail, change, join, calm } = scene(t)
  const slow = join()
  await calm()
  slow.state = 'BEHIND'
  trail.rowsMax = 3
  change(...[1, 2, 3, 4].map(id => entry(id, trail.now + id)))
  trail.now += 10
  await calm()
  slow.state = 'IN_SYNC'
  await until('it was told to come back', () => slow.tooMuch > 0)
})

t.test('more than one reading holds is read on at once, also of one millisecond', async t => {
  const { trail, change, join, calm } = scene(t)
  const staff = join()
  await calm()
  trail.rowsMax = 3
  change(...[1, 2].map(id => entry(id, trail.now)), ...[3, 4, 5, 6].map(id => entry(id, trail.now + 1)))
  trail.now += 50
  change(entry(7, trail.now))
  await until('the last one is told', () => staff.told.includes(7))
})

t.test('who has lost the role is told nothing more', async t => {
  const { trail, change, join, calm } = scene(t)
  const staff = join()
  await calm()
  staff.good = false
  change(entry(1, trail.now))
  await calm()
  t.strictSame(staff.told, [])
})

t.test('while the database is out nothing is told, and afterwards all of it', async t => {
  const { trail, change, join, calm } = scene(t)
  const staff = join()
  await calm()
  trail.failing = true
  const { readings } = trail
  change(entry(1, trail.now))
  await until('it was tried', () => trail.readings > readings)
  trail.failing = false
  await until('it is told', () => staff.told.length === 1)
})

t.test('the last who leaves ends the subscription', async t => {
  const { hub, feed, join } = scene(t)
  const [one, other] = [join(), join()]
  t.equal(feed.watched.get(calendar), 1)
  hub.unwatch(one, calendar)
  hub.unwatch(one, calendar)
  t.equal(feed.watched.get(calendar), 1)
  hub.unwatch(other, calendar)
  t.equal(feed.watched.get(calendar), 0)
})
