import t from 'tap'
import { Hovers } from '../../../src/browser/client/hovers.js'
import type { Link } from '../../../src/browser/client/link.js'
import { SteppedTime } from '../../helpers/stepped-time.js'

const [a, b, c] = ['r/a', 'r/b', 'r/c'] as [string, string, string]

function start() {
  const time = new SteppedTime()
  const said: unknown[] = []
  const there: Link = {
    kind: 'live',
    ask: async (_, params) => {
      said.push((params as { slot: unknown }).slot)
      return { status: 'LOST' }
    },
    close: () => {}
  }
  const connection: { link: Link | undefined } = { link: there }
  const hovers = new Hovers(connection, () => 10_000, time)
  const connect = (yes: boolean): void => {
    connection.link = yes ? there : undefined
  }
  return { time, said, hovers, connect }
}

t.test('the first is said at once, of those that follow quickly the last', async t => {
  const { time, said, hovers } = start()
  for (const slot of [a, b, c]) hovers.select('demo', slot)
  t.strictSame(said, [a])
  await time.step(200)
  t.strictSame(said, [a, c])
})

t.test('a pointer that moves for an hour says seven a second at most', async t => {
  const { time, said, hovers } = start()
  for (let i = 0; i < 200; i++) {
    hovers.select('demo', i % 2 ? a : b)
    await time.step(10)
  }
  t.ok(said.length <= 15, `${said.length} in two seconds`)
})

t.test(
  'it is renewed while it is wanted, and not for ever: nobody looks at a slot for two minutes',
  async t => {
    const { time, said, hovers } = start()
    hovers.select('demo', a)
    await time.step(60_000)
    t.equal(said.length, 11, 'every six of its ten seconds')
    await time.step(600_000)
    t.ok(said.length < 25)
    t.equal(time.timers, 0)
  }
)

t.test('a slot that was left before the throttle let it out is not said later', async t => {
  const { time, said, hovers } = start()
  hovers.select('demo', a)
  hovers.select('demo', b)
  hovers.select('demo', b)
  await time.step(200)
  t.strictSame(said, [a, b], 'wanted twice is said once')
  hovers.select('demo', c)
  hovers.select('demo', null)
  await time.step(30_000)
  t.strictSame(said, [a, b, null])
  t.equal(time.timers, 0)
})

t.test('it ends with the slot’s lock, which the server knows, and nothing is said', async t => {
  const { time, said, hovers } = start()
  hovers.select('demo', a)
  hovers.locked('demo', [a])
  await time.step(60_000)
  t.strictSame(said, [a])
})

t.test('without a connection it waits for the next, and is said there', async t => {
  const { time, said, hovers, connect } = start()
  connect(false)
  hovers.select('demo', a)
  await time.step(1_000)
  t.strictSame(said, [])
  connect(true)
  hovers.connected()
  t.strictSame(said, [a])
})

t.test('hovers at once are bounded by the calendars', async t => {
  const { time, said, hovers } = start()
  for (let calendar = 0; calendar < 100; calendar++) hovers.select(`c${calendar}`, a)
  t.equal(said.length, 32)
  t.equal(time.timers, 32)
  hovers.close()
  t.equal(time.timers, 0)
})
