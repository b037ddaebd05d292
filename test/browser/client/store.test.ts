import t from 'tap'
import type { CalendarChange } from '../../../src/browser/client/types.js'
import { refuse, ScriptedServer, slotState, startClient } from './scripted-server.js'

const nine = 'dr-lee/2026-01-20T09:00Z'
const days = { from: '2026-01-20', to: '2026-01-21' }

async function started(
  t: { teardown(end: () => unknown): void },
  server: ScriptedServer,
  more: Parameters<typeof startClient>[2] = {}
) {
  const it = startClient(t, server, more)
  const store = it.client.calendar('demo', days)
  const told: CalendarChange[] = []
  store.subscribe(change => told.push(change))
  await it.time.rest()
  return { ...it, store, told }
}

t.test('a store may be made before there is a connection; it is loading, then live', async t => {
  const server = new ScriptedServer()
  server.slots = [slotState('2026-01-20T09:00Z')]
  const { client, time } = startClient(t, server)
  const store = client.calendar('demo', days)
  t.match(store.get(), { state: 'loading', timeZone: '', you: undefined })
  await time.rest()
  t.match(store.get(), { state: 'live', timeZone: 'UTC', you: 'me', calendar: 'demo', ...days })
  t.equal(store.get().slots.get(nine)?.state, 'free')
})

t.test('a push is applied and says what it changed; a snapshot is the same object until then', async t => {
  const server = new ScriptedServer()
  server.slots = [slotState('2026-01-20T09:00Z')]
  const { store, told } = await started(t, server)
  const before = store.get()
  t.equal(store.get(), before)
  const slots = [slotState('2026-01-20T09:00Z', { ver: 2, state: 'booked' })]
  server.last.push({ type: 'slots', calendar: 'another', slots })
  t.equal(store.get(), before, 'another calendar’s is not ours')
  server.last.push({ type: 'slots', calendar: 'demo', slots })
  t.not(store.get(), before)
  t.equal(before.slots.get(nine)?.state, 'free', 'what somebody holds in the hand does not change')
  t.match(told.at(-1), { all: false, slots: new Set([nine]), selections: new Set() })
  const selections = [{ viewer: 'ann', slot: nine, seq: 1, expiresInMs: 10_000 }]
  server.last.push({ type: 'selections', calendar: 'demo', selections })
  t.match(told.at(-1), { selections: new Set(['ann']) })
  t.equal(store.get().selections.get('ann')?.slot, nine)
})

t.test('a hover that runs out is gone, though nobody pushes that', async t => {
  const server = new ScriptedServer()
  const { store, told, time } = await started(t, server)
  const selections = [{ viewer: 'ann', slot: nine, seq: 1, expiresInMs: 10_000 }]
  server.last.push({ type: 'selections', calendar: 'demo', selections })
  await time.step(9_900)
  t.equal(store.get().selections.size, 1)
  await time.step(200)
  t.equal(store.get().selections.size, 0)
  t.match(told.at(-1), { selections: new Set(['ann']) })
})

t.test('other days are read, and of two readings under way the later request counts', async t => {
  const server = new ScriptedServer()
  const { store, time } = await started(t, server)
  server.answer = ({ type }) => (type === 'watch' ? null : undefined)
  store.setRange('2026-02-01', '2026-02-02')
  store.setRange('2026-03-01', '2026-03-02')
  t.equal(store.get().state, 'loading')
  const [, february, march] = server.last.sent('watch')
  const answer = (message: typeof march, start: string) =>
    server.last.answer(message!, {
      ok: true,
      result: { ...server.snapshot(message!), slots: [slotState(start)] }
    })
  answer(march, '2026-03-01T09:00Z')
  answer(february, '2026-02-01T09:00Z')
  await time.rest()
  t.strictSame([...store.get().slots.keys()], ['dr-lee/2026-03-01T09:00Z'])
  t.equal(store.get().state, 'live')
})

t.test('two stores of one calendar are one subscription: it ends with the last', async t => {
  const server = new ScriptedServer()
  const { client, store } = await started(t, server)
  const other = client.calendar('demo', { from: '2026-02-01', to: '2026-02-02' })
  store.close()
  t.equal(server.last.sent('unwatch').length, 0)
  other.close()
  other.close()
  t.match(server.last.sent('unwatch'), [{ calendar: 'demo' }])
})

t.test('a calendar that is not there is an error in the store, until it is', async t => {
  const server = new ScriptedServer()
  server.answer = ({ type }) => (type === 'watch' ? refuse('CALENDAR_NOT_FOUND') : undefined)
  const { store, time } = await started(t, server)
  t.match(store.get(), { state: 'loading', error: { code: 'CALENDAR_NOT_FOUND' } })
  await time.step(60_000)
  t.equal(server.last.sent('watch').length, 1, 'and is not asked for again and again')
  server.answer = () => undefined
  server.last.end()
  await time.step(1_000)
  t.equal(store.get().state, 'live')
  t.equal(store.get().error, undefined)
})

t.test('a reading that fails for now is tried again, ever more rarely', async t => {
  const server = new ScriptedServer()
  server.answer = ({ type }) => (type === 'watch' ? refuse('BUSY', { retryAfterMs: 100 }) : undefined)
  const { store, time } = await started(t, server)
  await time.step(120_000)
  const asked = server.last.sent('watch').length
  t.ok(asked > 5 && asked < 40, `${asked} in two minutes`)
  server.answer = () => undefined
  await time.step(15_000)
  t.equal(store.get().state, 'live')
})

t.test('the days are read anew now and then: nobody pushes a new definition', async t => {
  const server = new ScriptedServer()
  const { store, time } = await started(t, server)
  server.slots = [slotState('2026-01-20T09:00Z')]
  await time.step(1_000_000)
  t.equal(store.get().slots.size, 1)
})

t.test('polling: a snapshot, then changes since the cursor, waited for on the server', async t => {
  const server = new ScriptedServer()
  const polls: URLSearchParams[] = []
  const waiting: ((answer: undefined) => void)[] = []
  let cursors = 0
  const answer = () => ({
    status: 200,
    json: { slots: server.slots, selections: [], cursor: `c${++cursors}` }
  })
  server.http = ({ path }) => {
    if (path === '/v1/sessions') return { status: 201, json: server.session }
    if (path === '/v1/locks') return { status: 200, json: { locks: [] } }
    if (path.includes('/slots?')) return { status: 200, json: server.snapshot({ calendar: 'demo' }) }
    const query = new URL(path, 'http://x').searchParams
    polls.push(query)
    if (!query.has('since')) return answer()
    return new Promise(resolve => waiting.push(() => resolve(answer() as unknown as undefined)))
  }
  const { store, time, client } = await started(t, server, { transport: 'polling' })
  await time.step(1_000)
  t.match(store.get(), { state: 'live', you: 'me' })
  t.match(Object.fromEntries(polls.at(-1)!), { ...days, since: 'c1', wait: '20' })
  server.slots = [slotState('2026-01-20T09:00Z', { state: 'booked', ver: 2 })]
  waiting.pop()!(undefined)
  await time.step(1_000)
  t.equal(store.get().slots.get(nine)?.state, 'booked')
  t.equal(polls.at(-1)!.get('since'), 'c2')

  for (let busy = 0; busy < 20; busy++) {
    waiting.pop()?.(undefined)
    await time.step(50)
  }
  t.ok(polls.length < 10, 'a busy calendar is no stream of requests')

  client.calendar('demo', days)
  client.calendar('demo', days)
  await time.step(10_000)
  t.equal(polls.at(-1)!.get('wait'), '0', 'many stores do not hold a connection each')
})

t.test('polling: a cursor that the server does not know is one to begin without', async t => {
  const server = new ScriptedServer()
  let since = 0
  const problem = { code: 'INVALID_REQUEST', message: 'since is no cursor of this service', retryable: false }
  server.http = ({ path }) => {
    if (path === '/v1/sessions') return { status: 201, json: server.session }
    if (path === '/v1/locks') return { status: 200, json: { locks: [] } }
    if (path.includes('/slots?')) return { status: 200, json: server.snapshot({ calendar: 'demo' }) }
    if (path.includes('since=')) return ++since === 1 ? { status: 400, json: problem } : new Promise(() => {})
    return { status: 200, json: { slots: [], selections: [], cursor: 'c' } }
  }
  const { store, time } = await started(t, server, { transport: 'polling' })
  await time.step(5_000)
  t.equal(since, 2)
  t.equal(store.get().state, 'live')
})
