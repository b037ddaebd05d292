import t from 'tap'
import type { CalendarDefinition } from '../../../src/domain/calendar.js'
import { demoCalendar } from '../../../src/domain/calendar-definition.js'
import { StoreBusy, StoreContractError, StoreUnavailable } from '../../../src/domain/errors.js'
import type { CalendarId } from '../../../src/domain/ids.js'
import { CalendarDirectory, calendarDirectoryBounds } from '../../../src/service/reading/calendars.js'
import { until } from '../../helpers/process.js'

const demo = 'demo' as CalendarId
const named = (name: string): CalendarDefinition => ({ ...demoCalendar('UTC'), name })

/** A store that answers when it is told to, or at once. */
class SlowStore {
  reads: string[] = []
  lists = 0
  definition: CalendarDefinition | undefined = named('first')
  failure: Error | undefined
  held: (() => void)[] | undefined

  async #answer<T>(value: T): Promise<T> {
    if (this.held !== undefined) await new Promise<void>(resolve => this.held!.push(resolve))
    if (this.failure !== undefined) throw this.failure
    return value
  }

  readCalendar(calendar: CalendarId): Promise<CalendarDefinition | undefined> {
    this.reads.push(calendar)
    return this.#answer(calendar === demo ? this.definition : undefined)
  }

  listCalendars(): Promise<CalendarDefinition[]> {
    this.lists += 1
    return this.#answer(this.definition === undefined ? [] : [this.definition])
  }

  letGo(): void {
    for (const go of this.held ?? []) go()
    this.held = undefined
  }
}

function setUp(bounds = calendarDirectoryBounds) {
  const store = new SlowStore()
  const time = { ms: 0 }
  return { store, time, directory: new CalendarDirectory(store, () => time.ms, bounds) }
}

t.test('many who ask for one calendar at once cost one read', async t => {
  const { store, directory } = setUp()
  store.held = []
  const asked = Array.from({ length: 100 }, () => directory.find(demo))
  store.letGo()
  for (const grid of await Promise.all(asked)) t.equal(grid?.definition.name, 'first')
  t.equal(store.reads.length, 1)
})

t.test('a definition that is no longer fresh is used at once and read again behind it', async t => {
  const { store, time, directory } = setUp()
  const first = await directory.find(demo)
  time.ms += calendarDirectoryBounds.freshMs - 1
  await directory.find(demo)
  t.equal(store.reads.length, 1, 'fresh: nobody asks')

  time.ms += 1
  store.definition = named('second')
  store.held = []
  t.equal(await directory.find(demo), first, 'the old one, without waiting')
  await directory.find(demo)
  t.equal(store.reads.length, 2, 'one read, however many ask')
  store.letGo()
  await until('the new one is there', async () => (await directory.find(demo))?.definition.name === 'second')
})

t.test('the same definition read again keeps its grid, which remembers what it worked out', async t => {
  const { store, time, directory } = setUp()
  const first = await directory.find(demo)
  store.definition = named('first')
  time.ms += calendarDirectoryBounds.freshMs
  await directory.find(demo)
  await until('it was read again', () => store.reads.length === 2)
  t.equal(await directory.find(demo), first)
})

t.test('after forget the next one who asks gets the new definition, whatever read was under way', async t => {
  const { store, time, directory } = setUp()
  await directory.find(demo)
  time.ms += calendarDirectoryBounds.freshMs
  store.held = []
  await directory.find(demo)
  const lateReader = store.held
  store.held = undefined

  store.definition = named('second')
  directory.forget(demo)
  t.equal((await directory.find(demo))?.definition.name, 'second')
  store.definition = named('first')
  for (const go of lateReader) go()
  await new Promise(resolve => setImmediate(resolve))
  t.equal((await directory.find(demo))?.definition.name, 'second', 'the read from before changes nothing')
})

t.test('while the database is out the last known definition goes on being used', async t => {
  const { store, time, directory } = setUp()
  const first = await directory.find(demo)
  store.failure = new StoreUnavailable('out')
  time.ms += 60_000
  t.equal(await directory.find(demo), first)
  directory.forget(demo)
  t.equal(await directory.find(demo), first, 'also after an event said that it changed')

  const reads = store.reads.length
  for (let i = 0; i < 50; i++) await directory.find(demo)
  t.equal(store.reads.length, reads, 'a database that is out is not asked with every request')

  store.failure = undefined
  store.definition = named('second')
  time.ms += calendarDirectoryBounds.freshMs
  t.equal((await directory.find(demo))?.definition.name, 'second', 'and the change comes with the database')
})

t.test('a calendar of which nothing is known cannot be guessed: the error is the store’s', async t => {
  const { store, directory } = setUp()
  store.failure = new StoreUnavailable('out')
  await t.rejects(directory.find(demo), { code: 'STORE_UNAVAILABLE' })
  store.failure = undefined
  t.ok(await directory.find(demo), 'and the failure is not remembered')
})

t.test('a bug of the store is not taken for an outage', async t => {
  const { store, directory } = setUp()
  await directory.list()
  store.failure = new TypeError('bug')
  directory.forget(demo)
  await t.rejects(directory.list(), TypeError)
  store.failure = new StoreContractError('nonsense')
  await t.rejects(directory.find(demo), { code: 'STORE_CONTRACT' })
})

t.test('a stored definition that cannot be read is a broken contract of the store', async t => {
  const { store, directory } = setUp()
  store.definition = { ...named('first'), timeZone: 'Mars/Olympus' }
  await t.rejects(directory.find(demo), { code: 'STORE_CONTRACT', cause: { name: 'RangeError' } })
  store.failure = new SyntaxError('Unexpected end of JSON input')
  await t.rejects(directory.find(demo), { code: 'STORE_CONTRACT', cause: store.failure })
  await t.rejects(directory.list(), { code: 'STORE_CONTRACT' })
})

t.test('whatever a read in the background throws, the old grid stays and the process lives', async t => {
  const { store, time, directory } = setUp()
  const first = await directory.find(demo)
  const unhandled: unknown[] = []
  const hear = (error: unknown) => void unhandled.push(error)
  process.on('unhandledRejection', hear)
  t.teardown(() => process.off('unhandledRejection', hear))

  store.definition = { ...named('second'), timeZone: 'Mars/Olympus' }
  time.ms += calendarDirectoryBounds.freshMs
  t.equal(await directory.find(demo), first)
  await until('the zone was refused', () => directory.failedBehind === 1)
  t.match(directory.lastErrorBehind, { code: 'STORE_CONTRACT' })

  store.failure = new TypeError('bug')
  time.ms += calendarDirectoryBounds.freshMs
  t.equal(await directory.find(demo), first)
  await until('the bug was counted', () => directory.failedBehind === 2)
  t.equal(directory.lastErrorBehind, store.failure)
  t.same(unhandled, [])
})

t.test('an unknown name is looked for once a second, and found as soon as it is defined here', async t => {
  const { store, time, directory } = setUp()
  store.definition = undefined
  for (let i = 0; i < 100; i++) t.equal(await directory.find(demo), undefined)
  t.equal(store.reads.length, 1)
  store.definition = named('first')
  directory.forget(demo)
  t.ok(await directory.find(demo))

  const ghost = 'ghost' as CalendarId
  await directory.find(ghost)
  time.ms += calendarDirectoryBounds.unknownMs
  await directory.find(ghost)
  t.equal(store.reads.filter(name => name === ghost).length, 2)
})

t.test('a flood of different unknown names reaches the database a few at a time', async t => {
  const { store, directory } = setUp({ ...calendarDirectoryBounds, readsMax: 4 })
  store.held = []
  const asked = Array.from({ length: 100 }, (_, i) => directory.find(`ghost-${i}` as CalendarId))
  const settled = Promise.allSettled(asked)
  store.letGo()
  const refused = (await settled).filter(one => one.status === 'rejected')
  t.equal(store.reads.length, 4)
  t.equal(refused.length, 96)
  t.ok(refused.every(one => one.reason instanceof StoreBusy))
})

t.test('a calendar that was pushed out at the bound is read again', async t => {
  const { store, directory } = setUp({ ...calendarDirectoryBounds, unknownMax: 1 })
  await directory.find('ghost-1' as CalendarId)
  await directory.find('ghost-2' as CalendarId)
  await directory.find('ghost-1' as CalendarId)
  t.equal(store.reads.length, 3)
})

t.test('the list is read once for all who ask, kept for two seconds, and outlives the database', async t => {
  const { store, time, directory } = setUp()
  const lists = await Promise.all([directory.list(), directory.list(), directory.list()])
  t.ok(lists.every(list => list[0]?.name === 'first'))
  await directory.list()
  t.equal(store.lists, 1)
  store.definition = named('second')
  directory.forget(demo)
  t.equal((await directory.list())[0]?.name, 'second')
  store.failure = new StoreUnavailable('out')
  time.ms += 60_000
  t.equal((await directory.list())[0]?.name, 'second')
})
