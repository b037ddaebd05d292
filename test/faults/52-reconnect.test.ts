import t, { type Test } from 'tap'
import { until } from '../helpers/process.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { calendar, codeOf, day, slot, startWorld, Visitor } from './world.js'

/**
 * Geometry: Ann holds a slot and watches at instance 1; her connection is cut. While she is away others lock, release and
 * book, at both instances. She comes back at instance 2, with her token, and the others go on meanwhile.
 *
 * What should follow: she is the same session. Her first picture has everything, her own lock marked as hers, and what
 * comes after it never takes a slot back to an older state. There is no gap: who watches is subscribed first, and
 * then reads.
 *
 * Twin: a client that reads first and subscribes afterwards. What changed in between it never hears of.
 */

interface OnScreen {
  slot: string
  state: string
  ver: number
  by?: string
}

async function twoAndCarol(t: Test) {
  const world = await startWorld(t, { redis: false })
  const bob = await world.one.visitor()
  // somebody watches at instance 2 all the time, so that it hears of changes with or without Ann
  const carol = await (await world.two.visitor()).watch()
  return { world, bob, carol }
}

t.test('who comes back sees what is, her own lock as hers, and nothing twice', async t => {
  const { world, bob, carol } = await twoAndCarol(t)
  const wire = await TcpProxy.start(t, Number(new URL(world.one.url).port))
  const ann = await (await Visitor.open(world.one.ws.replace(/:\d+/, `:${wire.port}`))).watch()
  const hers = await ann.locked([1])
  const bobs = await bob.locked([2])
  await until('she sees it', () => ann.sees(2) === 'locked')
  wire.cut()
  t.equal((await ann.client.closed()).code, 1006)

  await bob.release(bobs)
  await carol.book(await carol.locked([3]))
  const churn = (async () => {
    for (let round = 0; round < 20; round++) await bob.release(await bob.locked([4]))
    await bob.locked([4])
  })()
  const back = await world.two.visitor(ann.token)
  t.match(back.client, { session: { resumed: true } })
  const { result } = await back.client.request('watch', { calendar, from: day, to: day })
  const picture = new Map((result!.slots as OnScreen[]).map(state => [state.slot, state]))
  await churn
  t.match(
    [1, 2, 3].map(n => picture.get(slot(n))),
    [{ state: 'locked', by: result!.you as string }, { state: 'free' }, { state: 'booked' }]
  )
  t.same(await back.locks(), [hers.id])

  const rows = await world.rows()
  const last = rows.get(slot(4))!.ver
  await back.client.next('slots', push => (push.slots as OnScreen[]).some(state => state.ver === last))
  const versions = back.client
    .pushes('slots')
    .flatMap(push => push.slots as OnScreen[])
    .filter(state => state.slot === slot(4))
    .map(state => state.ver)
  t.ok(versions.length > 0)
  t.same(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
    'each state came once, in order'
  )
  t.equal(codeOf(await back.book(hers)), 'ok')
})

t.test('twin: who reads first and subscribes afterwards misses what came between', async t => {
  const { world, bob, carol } = await twoAndCarol(t)
  const read = await fetch(`${world.two.url}/v1/calendars/${calendar}/slots?from=${day}&to=${day}`)
  const { slots } = (await read.json()) as { slots: OnScreen[] }
  await bob.locked([5])
  await until('whoever was subscribed has heard of it', () => carol.sees(5) === 'locked')
  const ann = await world.two.visitor()
  await ann.client.request('watch', { calendar, from: day, to: day })
  await bob.locked([6])
  await ann.client.next('slots')

  const screen = new Map(slots.map(state => [state.slot, state.state]))
  const pushed = ann.client.pushes('slots').flatMap(push => push.slots as OnScreen[])
  for (const state of pushed) screen.set(state.slot, state.state)
  t.equal((await world.row(5))?.state, 'locked')
  t.same([screen.get(slot(5)), screen.get(slot(6))], ['free', 'locked'])
})
