import t, { type Test } from 'tap'
import { until } from '../helpers/process.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { calendar, type Instance, slot, startWorld, Visitor } from './world.js'

/**
 * Geometry: Ann is connected to instance 1 over a network that from some moment on swallows everything, in both
 * directions, and tells nobody: a laptop that was closed. She holds a slot and hovers over another. Bob watches at
 * instance 2.
 *
 * What should follow: instance 1 misses the answers to two pings and drops the socket. Her hover is taken back in front of
 * Bob, long before its time; her lock stays, and she finds it when she comes back with her token.
 *
 * Twin: without pings. The socket stays, and so does the hover, for as long as anybody cares to look.
 */

const sockets = async ({ metrics }: Instance): Promise<number> =>
  (await metrics.registry.getSingleMetric('slotlock_sockets')!.get()).values[0]!.value

async function closedLaptop(t: Test, beatMs: number) {
  const world = await startWorld(t, { redis: false, instances: 0 })
  const one = await world.add({ timing: { beatMs, beatsPerPing: 4 }, limits: { selectionTtlMs: 60_000 } })
  const two = await world.add()
  const wire = await TcpProxy.start(t, Number(new URL(one.url).port))
  const ann = await (await Visitor.open(one.ws.replace(/:\d+/, `:${wire.port}`))).watch()
  const bob = await (await two.visitor()).watch()
  const hers = await ann.locked([1])
  await ann.client.request('select', { calendar, slot: slot(2) })
  const hoverOf = (where: string | null) =>
    bob.client.next('selections', push => (push.selections as { slot: string | null }[])[0]!.slot === where)
  await hoverOf(slot(2))
  wire.fault({ blackhole: true })
  return { world, one, ann, bob, hers, hoverOf }
}

/** How long the dropping took; the twin is given twice as long. */
let tookMs = 0

t.test('a browser that is gone without a word is dropped: its hover goes, its lock stays', async t => {
  const { world, one, ann, bob, hers, hoverOf } = await closedLaptop(t, 25)
  const from = performance.now()
  await until('its socket is dropped', async () => (await sockets(one)) === 0)
  await hoverOf(null)
  tookMs = performance.now() - from
  t.equal(ann.client.close, undefined, 'nothing was told to the browser, nor by it')
  t.match(await world.row(1), { state: 'locked', token: hers.id })
  t.equal(bob.sees(1), 'locked')

  const back = await one.visitor(ann.token)
  t.same(await back.locks(), [hers.id])
  t.match(await back.extend(hers), { ok: true })
})

t.test('twin: without pings it is there for good', async t => {
  const { one, bob } = await closedLaptop(t, 2_000_000_000)
  const from = performance.now()
  await until('twice that time is over', () => performance.now() - from > 2 * tookMs)
  t.equal(await sockets(one), 1)
  const told = bob.client.pushes('selections').flatMap(push => push.selections as { slot: string | null }[])
  t.same(
    told.map(selection => selection.slot),
    [slot(2)]
  )
})
