import t from 'tap'
import type { LockChange } from '../../../src/browser/client/types.js'
import { lockView, ok, refuse, ScriptedServer, slotState, startClient } from './scripted-server.js'

async function started(
  t: { teardown(end: () => unknown): void },
  server: ScriptedServer,
  more: Parameters<typeof startClient>[2] = {}
) {
  const it = startClient(t, server, more)
  const told: LockChange[] = []
  it.client.on('lock', change => told.push(change))
  await it.time.rest()
  return { ...it, told, states: () => told.map(({ lock }) => `${lock.id} ${lock.state}`) }
}

const slots = lockView().slots

t.test('the locks of a session that is resumed are there, made by whichever page', async t => {
  const server = new ScriptedServer()
  server.locks = [lockView()]
  const { client } = await started(t, server)
  t.match(client.locks.get('lock-1'), { state: 'held', slots })
})

t.test(
  'a countdown is counted from when the request was sent, and the machine’s clock does not matter',
  async t => {
    const server = new ScriptedServer()
    const { client, time } = await started(t, server)
    const asked = client.lock({ calendar: 'demo', slots, ttlMs: 60_000 })
    await time.step(3_000)
    const [message] = server.last.sent('lock')
    server.last.answer(message!, ok({ lock: lockView({ expiresInMs: 60_000, expiresAt: 60_000 }) }))
    const lock = await asked
    t.equal(client.leftMs(lock), 57_000)
    await time.step(10_000)
    t.equal(client.leftMs(lock), 47_000)
    await time.step(60_000)
    t.equal(client.leftMs(lock), 0)
    t.equal(client.leftMs({}), 0, 'what has no end has nothing left')
  }
)

t.test('what was pushed and what was answered is told once', async t => {
  const server = new ScriptedServer()
  const { client, states } = await started(t, server)
  server.answer = ({ type }, socket) => {
    if (type !== 'lock') return undefined
    socket.push({ type: 'lock', lock: lockView() })
    return ok({ lock: lockView() })
  }
  await client.lock({ calendar: 'demo', slots })
  server.last.push({ type: 'lock', lock: lockView() })
  t.strictSame(states(), ['lock-1 held'])
})

t.test('revoked by staff: the reason comes with it', async t => {
  const server = new ScriptedServer()
  server.locks = [lockView()]
  const { client, told } = await started(t, server)
  server.last.push({ type: 'lock', lock: lockView(), expiring: true })
  server.last.push({ type: 'lock', lock: lockView({ state: 'revoked' }), reason: 'the room is flooded' })
  t.match(told.slice(1), [{ expiring: true }, { reason: 'the room is flooded', lock: { state: 'revoked' } }])
  t.equal(client.locks.size, 0)
})

t.test('release, book and replace end a lock without waiting for the push', async t => {
  const server = new ScriptedServer()
  server.locks = ['a', 'b', 'c'].map(id => lockView({ id }))
  const { client, states } = await started(t, server)
  server.answer = ({ type }) => {
    if (type === 'release') return ok({ released: true })
    if (type === 'book') return ok({ booking: { id: 'booking-1' } })
    if (type === 'lock') return ok({ lock: lockView({ id: 'd' }) })
    return undefined
  }
  await client.release('a')
  await client.book('b', { customer: { name: 'Ann' } })
  const d = await client.replace(client.locks.get('c')!, slots)
  t.equal(server.last.sent('lock')[0]?.replaces, 'c')
  t.equal(d.id, 'd')
  t.strictSame([...client.locks.keys()], ['d'])
  t.strictSame(states().slice(3), ['a released', 'b booked', 'c released', 'd held'])
})

t.test('a replacement that is refused leaves the old lock', async t => {
  const server = new ScriptedServer()
  server.locks = [lockView()]
  const { client } = await started(t, server)
  server.answer = ({ type }) => (type === 'lock' ? refuse('SLOT_UNAVAILABLE') : undefined)
  await t.rejects(client.replace(client.locks.get('lock-1')!, slots), { code: 'SLOT_UNAVAILABLE' })
  t.equal(client.locks.size, 1)
})

t.test(
  'what ended while there was no connection is told after the next hello, as far as it can be known',
  async t => {
    const server = new ScriptedServer()
    server.locks = [
      lockView({ id: 'of-an-earlier-page' }),
      lockView({ id: 'ran-out', expiresInMs: 100, expiresAt: 100 }),
      lockView({ id: 'lives' })
    ]
    const { client, time, states } = await started(t, server)
    server.answer = ({ type }) => (type === 'lock' ? ok({ lock: lockView({ id: 'mine' }) }) : undefined)
    await client.lock({ calendar: 'demo', slots })
    // booked in another tab: asked with the request that made it, the server says how it ended
    server.answer = ({ type }) =>
      type === 'lock' ? ok({ lock: lockView({ id: 'mine', state: 'booked', expiresInMs: 0 }) }) : undefined
    server.locks = [lockView({ id: 'lives' })]
    server.last.end()
    await time.step(1_000)
    t.strictSame(states().slice(4).sort(), ['mine booked', 'of-an-earlier-page revoked', 'ran-out expired'])
    t.strictSame([...client.locks.keys()], ['lives'])
  }
)

t.test(
  'a reading that overtakes the answer to a release does not take it for somebody else’s doing',
  async t => {
    const server = new ScriptedServer()
    server.locks = [lockView()]
    const { client, time, states } = await started(t, server)
    const released = client.release('lock-1')
    await time.step(10)
    server.locks = []
    await client.listLocks()
    const [message] = server.last.sent('release')
    server.last.answer(message!, ok({ released: true }))
    await released
    t.strictSame(states(), ['lock-1 held', 'lock-1 released'])
  }
)

t.test('a lock whose time is over, and nobody said so, is asked for', async t => {
  const server = new ScriptedServer()
  server.locks = [lockView({ expiresInMs: 10_000 })]
  const { client, time, states } = await started(t, server)
  server.locks = []
  await time.step(13_000)
  t.strictSame(states(), ['lock-1 held', 'lock-1 expired'])
  t.equal(client.locks.size, 0)
  const readings = server.last.sent('locks').length
  await time.step(60_000)
  t.equal(server.last.sent('locks').length, readings, 'and then there is nothing to ask for')
})

t.test('a reading that fails is tried again', async t => {
  const server = new ScriptedServer()
  server.locks = [lockView()]
  let refusing = true
  server.answer = ({ type }) => (type === 'locks' && refusing ? refuse('STORE_UNAVAILABLE') : undefined)
  const { client, time } = await started(t, server)
  server.last.push({ type: 'lock', lock: lockView({ id: 'pushed' }) })
  refusing = false
  await time.step(20_000)
  t.ok(client.locks.has('lock-1'))
})

t.test(
  'polling: what others did to a lock of mine is noticed by its slots, and by and by in any case',
  async t => {
    const server = new ScriptedServer()
    server.locks = [lockView()]
    let changes: (() => void) | undefined
    server.http = ({ path }) => {
      if (path === '/v1/sessions') return { status: 201, json: server.session }
      if (path === '/v1/locks') return { status: 200, json: { locks: server.locks } }
      if (path.includes('/slots?')) return { status: 200, json: server.snapshot({ calendar: 'demo' }) }
      const answer = () => ({ status: 200, json: { slots: server.slots, selections: [], cursor: 'c' } })
      if (!path.includes('since=')) return answer()
      return new Promise<undefined>(resolve => {
        changes = () => resolve(answer() as unknown as undefined)
      })
    }
    const { client, time, told } = await started(t, server, { transport: 'polling' })
    const store = client.calendar('demo', { from: '2026-01-20', to: '2026-01-20' })
    await time.step(1_000)
    t.equal(store.get().state, 'live')
    t.equal(client.locks.size, 1)
    server.locks = []
    server.slots = [slotState('2026-01-20T09:00Z', { ver: 2 })]
    changes?.()
    await time.rest()
    t.match(told.at(-1), { lock: { id: 'lock-1', state: 'revoked' } }, 'at once')
    server.locks = [lockView({ id: 'another-tab' })]
    await time.step(11_000)
    t.ok(client.locks.has('another-tab'))
  }
)
