import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import { type ResourceId, slotIdOf } from '../../../src/domain/ids.js'
import { rowsPerReadingMax } from '../../../src/domain/lock-store.js'
import type { SlotRow } from '../../../src/domain/slot.js'
import { readAllRows, readingsOf } from '../../../src/service/reading/whole-calendar.js'
import { SharedReads } from '../../../src/service/tools/shared-reads.js'
import { demo, rowOf } from '../live-fixture.js'

/** Readings that end when the test says so. */
function held() {
  const ends: ((value: number) => void)[] = []
  const fails: ((error: Error) => void)[] = []
  const read = (): Promise<number> =>
    new Promise((resolve, reject) => {
      ends.push(resolve)
      fails.push(reject)
    })
  return { ends, fails, read }
}

t.test('who asks during a reading shares the next one', async t => {
  const reads = new SharedReads<number>(10)
  const { ends, read } = held()
  const first = reads.get('a', read)
  const others = [reads.get('a', read), reads.get('a', read), reads.get('a', read)]
  t.equal(ends.length, 1)
  ends[0]!(1)
  t.equal(await first, 1)
  await new Promise(resolve => setImmediate(resolve))
  const last = reads.get('a', read)
  t.equal(ends.length, 2, 'one for all who came meanwhile')
  ends[1]!(2)
  t.same(await Promise.all(others), [2, 2, 2])
  await new Promise(resolve => setImmediate(resolve))
  ends[2]!(3)
  t.equal(await last, 3, 'who came after it had begun gets a later one')
  t.match(reads, { read: 3, shared: 2 })
})

t.test('a reading that failed is the failure of those who asked for it, and of nobody after', async t => {
  const reads = new SharedReads<number>(10)
  const { ends, fails, read } = held()
  const first = reads.get('a', read)
  const second = reads.get('a', read)
  fails[0]!(new StoreUnavailable('out'))
  await t.rejects(first, { code: 'STORE_UNAVAILABLE' })
  await new Promise(resolve => setImmediate(resolve))
  ends[1]!(2)
  t.equal(await second, 2)
})

t.test('different things are read side by side, up to a bound', async t => {
  const reads = new SharedReads<number>(2)
  const { ends, read } = held()
  const all = [reads.get('a', read), reads.get('b', read)]
  await t.rejects(reads.get('c', read), { code: 'STORE_BUSY' })
  for (const end of ends) end(1)
  t.same(await Promise.all(all), [1, 1])
  const again = reads.get('c', read)
  ends[2]!(3)
  t.equal(await again, 3)
})

t.test('a range with more rows than one reading holds is read in parts, whole', async t => {
  const day = Date.parse('2031-01-15T00:00Z')
  // three rooms, so that a full reading ends in the middle of a minute
  const rows: (SlotRow & { atMs: number })[] = Array.from({ length: 50_000 }, (_, n) => {
    const atMs = day + Math.floor(n / 3) * 60_000
    return { ...rowOf(n, 1), slot: slotIdOf(`room-${n % 3}` as ResourceId, atMs), atMs }
  })
  let readings = 0
  const store = {
    async readRange(
      _calendar: string,
      fromMs: number,
      toMs: number,
      most = rowsPerReadingMax
    ): Promise<SlotRow[]> {
      readings += 1
      return rows.filter(row => row.atMs >= fromMs && row.atMs < toMs).slice(0, most)
    }
  }
  const all = await readAllRows(store, demo, 0, Date.parse('9999-12-31T23:59Z'))
  t.equal(new Set(all.map(row => row.slot)).size, 50_000, 'none is missing')
  t.equal(all.length, 50_000, 'and none is there twice')
  t.equal(readings, Math.ceil(50_000 / (rowsPerReadingMax - 3)), 'no reading is done twice')
  // two rows would never get past a minute of three
  const short: SlotRow[] = []
  for await (const some of readingsOf(store, demo, [0, day + 100 * 60_000], 2)) short.push(...some)
  t.strictSame(
    short.map(row => row.slot),
    rows.slice(0, 300).map(row => row.slot),
    'short readings become longer where they have to'
  )
  t.ok(
    (await store.readRange(demo, 0, Number.MAX_SAFE_INTEGER)).length < 50_000,
    'one reading would miss some'
  )
})
