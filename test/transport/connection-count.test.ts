import t from 'tap'
import { ConnectionCount } from '../../src/transport/connection-count.js'
import type { CountSharing } from '../../src/transport/limits.js'
import { SteppedTime } from '../helpers/stepped-time.js'

const ann = '192.0.2.1'

/** Instances on one Redis, which hears and answers at once, as long as it is there. */
function fleet(count: number, max: number) {
  const time = new SteppedTime()
  const state = { open: true }
  const totals = new Map<string, number>()
  const sharing: CountSharing = {
    add({ name, by, windowMs }, learn) {
      if (!state.open) return
      const total = by > 0 || totals.has(name) ? (totals.get(name) ?? 0) + by : 0
      totals.set(name, total)
      learn({ total, leftMs: windowMs })
    }
  }
  const instances = Array.from({ length: count }, () => new ConnectionCount(max, { clock: time, sharing }))
  /** As many as get in, asked one after the other. */
  const letIn = (instance: ConnectionCount, tries: number): number => {
    let entered = 0
    for (let n = 0; n < tries; n++)
      if (!instance.full(ann)) {
        instance.opened(ann)
        entered += 1
      }
    return entered
  }
  /** The live ones beat once a second. */
  const pass = async (seconds: number, live = instances): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await time.step(1_000)
      for (const instance of live) instance.beat()
    }
  }
  return { instances, state, totals, letIn, pass }
}

t.test('connections of one address are counted up and down', t => {
  const count = new ConnectionCount(2, { clock: new SteppedTime() })
  count.opened('192.0.2.1')
  t.equal(count.full('192.0.2.1'), false)
  count.opened('::ffff:192.0.2.1')
  t.equal(count.full('192.0.2.1'), true)
  t.equal(count.full('192.0.2.2'), false)
  count.closed('192.0.2.1')
  t.equal(count.full('192.0.2.1'), false)
  const off = new ConnectionCount(0, { clock: new SteppedTime() })
  for (let n = 0; n < 100; n++) off.opened('192.0.2.1')
  t.equal(off.full('192.0.2.1'), false)
  t.end()
})

t.test(
  'sockets of one address are bounded over all instances, and one that closes makes room at the others',
  async t => {
    const { instances, letIn, pass } = fleet(2, 8)
    const [a, b] = instances as [ConnectionCount, ConnectionCount]
    t.equal(letIn(a, 5), 5)
    t.equal(letIn(b, 9), 3)
    t.equal(b.full('192.0.2.2'), false)
    await pass(40)
    t.equal(letIn(a, 3), 0, 'and so it stays from window to window')
    t.equal(letIn(b, 3), 0)
    for (let n = 0; n < 4; n++) a.closed(ann)
    await pass(40)
    t.equal(letIn(b, 9), 4)
  }
)

t.test('an instance that died is forgotten after two windows', async t => {
  const { instances, letIn, pass } = fleet(2, 8)
  const [dead, b] = instances as [ConnectionCount, ConnectionCount]
  letIn(dead, 6)
  const entered = letIn(b, 9)
  t.ok(entered < 8)
  await pass(45, [b])
  t.equal(letIn(b, 9) + entered, 8)
})

t.test(
  'while Redis is out each counts for itself (the twin), and then they count together again',
  async t => {
    const { instances, state, letIn, pass } = fleet(2, 8)
    const [a, b] = instances as [ConnectionCount, ConnectionCount]
    state.open = false
    t.equal(letIn(a, 9), 8)
    t.equal(letIn(b, 9), 8)
    state.open = true
    await pass(20)
    a.closed(ann)
    t.equal(letIn(a, 1), 0, 'together they have too many')
  }
)

t.test('who has few sockets here costs no message, and nothing is kept of who has none', async t => {
  const { instances, totals, pass } = fleet(1, 80)
  const [a] = instances as [ConnectionCount]
  for (let n = 0; n < 9; n++) a.opened(ann)
  t.equal(totals.size, 0)
  a.opened(ann)
  t.equal(totals.size, 1, 'an eighth of the bound')
  await pass(40)
  t.ok(totals.size >= 3, 'told anew in each window')
  for (let n = 0; n < 10; n++) a.closed(ann)
  await pass(40)
  const { size } = totals
  await pass(40)
  t.equal(totals.size, size)
})
