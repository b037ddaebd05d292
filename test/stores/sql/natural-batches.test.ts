import t from 'tap'
import { StoreBusy } from '../../../src/domain/errors.js'
import { type BatchBounds, NaturalBatches } from '../../../src/stores/sql/natural-batches.js'
import { until } from '../../helpers/process.js'

/** A sender whose batches end when the test says so. */
function sender(bounds: Partial<BatchBounds> = {}) {
  const sent: { members: string[]; end: () => void; fail: (error: Error) => void }[] = []
  let nowMs = 0
  const batches = new NaturalBatches<string, string>({
    bounds: { membersMax: 4, waitingMax: 8, waitMsMax: 1_000, lanesMax: 1, slowMs: 60_000, ...bounds },
    keysOf: member => [member[0]!],
    send: members =>
      new Promise((resolve, reject) => {
        sent.push({
          members: [...members],
          end: () => resolve(members.map(member => `${member} done`)),
          fail: reject
        })
      }),
    monotonicMs: () => nowMs
  })
  return {
    batches,
    sent,
    add: (...members: string[]) => Promise.allSettled(members.map(member => batches.add(member))),
    pass: (ms: number) => {
      nowMs += ms
    },
    async endNext(index: number) {
      await until(`batch ${index} was sent`, () => sent.length > index)
      sent[index]!.end()
    }
  }
}
const valuesOf = (settled: PromiseSettledResult<string>[]): string[] =>
  settled.map(one => (one.status === 'fulfilled' ? one.value : (one.reason as Error).constructor.name))

t.test('who comes first is sent at once and alone; who comes meanwhile goes together', async t => {
  const { add, sent, endNext } = sender()
  const answers = add('a', 'b', 'c', 'd')
  t.strictSame(
    sent.map(({ members }) => members),
    [['a']],
    'before anything was awaited'
  )
  await endNext(0)
  await endNext(1)
  t.strictSame(
    sent.map(({ members }) => members),
    [['a'], ['b', 'c', 'd']]
  )
  t.strictSame(valuesOf(await answers), ['a done', 'b done', 'c done', 'd done'], 'each has its own answer')
})

t.test('two that share a key never go in one batch, and a batch has its bound', async t => {
  const { add, sent, endNext } = sender()
  const answers = add('a', 'b1', 'b2', 'c', 'd', 'e', 'f')
  for (const index of [0, 1, 2]) await endNext(index)
  t.strictSame(
    sent.map(({ members }) => members),
    [['a'], ['b1', 'c', 'd', 'e'], ['b2', 'f']]
  )
  t.ok(valuesOf(await answers).every(value => value.endsWith('done')))
})

t.test(
  'at the bound of those that wait the next one is told so; who waited too long is told when its turn comes',
  async t => {
    const { add, pass, endNext } = sender({ waitingMax: 2 })
    const answers = add('a', 'b', 'c', 'd')
    pass(2_000)
    await endNext(0)
    t.strictSame(valuesOf(await answers), ['a done', 'StoreBusy', 'StoreBusy', 'StoreBusy'])
    t.strictSame(valuesOf(await Promise.all([add('e'), endNext(1)]).then(([settled]) => settled)), ['e done'])
  }
)

t.test('what befalls a batch befalls all of it, and nobody else', async t => {
  const { add, sent, endNext } = sender()
  const answers = add('a', 'b', 'c')
  await endNext(0)
  await until('the second batch was sent', () => sent.length === 2)
  const later = add('d')
  sent[1]!.fail(new StoreBusy('no room'))
  await endNext(2)
  t.strictSame(valuesOf(await answers), ['a done', 'StoreBusy', 'StoreBusy'])
  t.strictSame(valuesOf(await later), ['d done'])
})

t.test(
  "a batch that takes long gives its lane away, so that one row that is held is not everybody's",
  async t => {
    const { add, sent, endNext } = sender({ slowMs: 1 })
    const held = add('a')
    const free = add('b')
    await endNext(1)
    t.strictSame(valuesOf(await free), ['b done'], 'while the first is still under way')
    sent[0]!.end()
    t.strictSame(valuesOf(await held), ['a done'])
  }
)
