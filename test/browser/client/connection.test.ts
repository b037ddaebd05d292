import t from 'tap'
import { SteppedTime } from '../../helpers/stepped-time.js'
import { refuse, ScriptedServer, startClient } from './scripted-server.js'

const started = async (
  t: { teardown(end: () => unknown): void },
  server: ScriptedServer,
  more: Parameters<typeof startClient>[2] = {}
) => {
  const it = startClient(t, server, more)
  await it.time.rest()
  return it
}

t.test('nothing happens before connect(), nothing after close(), and it may be connected again', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  t.equal(client.status, 'live')
  client.connect()
  t.equal(server.sockets.length, 1, 'connecting twice is connecting once')
  client.close()
  t.equal(client.status, 'closed')
  t.equal(server.last.readyState, 3)
  t.equal(time.timers, 0, 'no timer is left, so a page or a process can end')
  await time.step(60_000)
  t.equal(server.sockets.length, 1)
  await t.rejects(client.listLocks(), { code: 'CLOSED' })
  client.connect()
  await time.rest()
  t.equal(client.status, 'live')
})

t.test(
  'a connection that breaks is made again, and the days are watched and the locks read anew',
  async t => {
    const server = new ScriptedServer()
    const { client, time } = await started(t, server)
    const store = client.calendar('demo', { from: '2026-01-20', to: '2026-01-21' })
    await time.rest()
    t.equal(store.get().state, 'live')
    server.last.end()
    t.equal(client.status, 'connecting')
    t.equal(store.get().state, 'stale')
    await time.step(1_000)
    t.equal(client.status, 'live')
    t.equal(store.get().state, 'live')
    t.match(server.last.sent('watch'), [{ calendar: 'demo', from: '2026-01-20', to: '2026-01-21' }])
    t.equal(server.last.sent('locks').length, 1)
  }
)

t.test('a goodbye says when to come back', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  server.last.push({ type: 'goodbye', reason: 'restart', reconnectInMs: 4_000 })
  server.last.end(1012)
  await time.step(3_900)
  t.equal(server.sockets.length, 1)
  await time.step(1_100)
  t.equal(client.status, 'live')
})

t.test('attempts at a server that is gone grow rare, and its return is noticed', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  server.opening = 'fail'
  server.last.end()
  await time.step(600_000)
  t.equal(client.status, 'offline')
  t.ok(server.sockets.length < 60, `${server.sockets.length} attempts in ten minutes`)
  server.opening = 'open'
  await time.step(30_000)
  t.equal(client.status, 'live')
})

t.test('reconnectNow() does not wait', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  server.opening = 'fail'
  server.last.end()
  await time.step(600_000)
  server.opening = 'open'
  client.reconnectNow()
  await time.rest()
  t.equal(client.status, 'live')
})

t.test(
  'a connection that is silent is asked whether it lives, and given up when it does not say so',
  async t => {
    const server = new ScriptedServer()
    const { client, time } = await started(t, server)
    await time.step(120_000)
    t.equal(client.status, 'live')
    t.ok(server.last.sent('ping').length >= 3)
    server.answer = ({ type }) => (type === 'ping' ? null : undefined)
    await time.step(30_000)
    t.equal(server.sockets.length, 2, 'another one is made')
  }
)

t.test('what is not said to be heard within its time is lost, and the connection with it', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  server.answer = ({ type }) => {
    if (type !== 'extend') return undefined
    return server.sockets.length === 1 ? null : refuse('LIMIT_EXCEEDED')
  }
  const extended = client.extend('lock-1')
  extended.catch(() => {})
  await time.step(14_000)
  t.equal(server.sockets.length, 2)
  await t.rejects(extended, { code: 'LIMIT_EXCEEDED' })
})

t.test('a machine that slept makes a new connection: its countdowns had stood still', async t => {
  const server = new ScriptedServer()
  const time = new SteppedTime()
  let sleptMs = 0
  const clock = Object.assign(Object.create(time), { now: () => time.now() + sleptMs }) as SteppedTime
  const { client } = startClient(t, server, { clock })
  await time.rest()
  await time.step(60_000)
  t.equal(server.sockets.length, 1)
  sleptMs = 3_600_000
  await time.step(20_000)
  t.equal(server.sockets.length, 2)
  t.equal(client.status, 'live')
  await time.step(60_000)
  t.equal(server.sockets.length, 2, 'once')
})

t.test('the server’s clock is told whatever the machine’s own says', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  const { serverTime } = server.session
  t.equal(client.serverNow(), serverTime)
  await time.step(5_000)
  t.equal(client.serverNow(), serverTime + 5_000)
  const wrong = startClient(t, server, { clock: new SteppedTime(12_345) })
  t.equal(wrong.client.serverNow(), 12_345, 'by the machine’s until there is an answer')
  await wrong.time.rest()
  t.equal(wrong.client.serverNow(), serverTime)
})

t.test('listeners are told of status, service and session, and of every push, until they stop', async t => {
  const server = new ScriptedServer()
  const { client, time } = startClient(t, server)
  const statuses: string[] = []
  const pushes: unknown[] = []
  client.subscribe(() => statuses.push(`${client.status} ${client.service}`))
  const stop = client.on('push', push => pushes.push(push.type))
  let sessions = 0
  client.on('session', () => sessions++)
  await time.rest()
  server.last.push({ type: 'service', status: 'degraded' })
  server.last.push({ type: 'staff', calendar: 'demo', locks: [] })
  stop()
  server.last.push({ type: 'staff', calendar: 'demo', locks: [] })
  t.strictSame([...new Set(statuses)], ['live normal', 'live degraded'])
  t.strictSame(pushes, ['service', 'staff'])
  t.equal(sessions, 1)
})

t.test('what comes and makes no sense changes nothing', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  const { onmessage } = server.last
  for (const data of [
    '',
    '{',
    'null',
    '[]',
    '7',
    '"x"',
    new Uint8Array(3),
    '{"id":99,"ok":true}',
    '{"type":7}'
  ])
    onmessage?.({ data } as never)
  server.last.push({ type: 'of-a-later-version', anything: {} })
  await time.rest()
  t.equal(client.status, 'live')
})

t.test('WebSockets that do not get through: it polls, and takes the first socket that does', async t => {
  for (const opening of ['fail', 'hang'] as const) {
    const server = new ScriptedServer()
    server.opening = opening
    server.http = ({ path }) => {
      if (path === '/v1/sessions') return { status: 201, json: server.session }
      if (path === '/v1/locks') return { status: 200, json: { locks: [] } }
      return { status: 404 }
    }
    const { client, time } = await started(t, server)
    await time.step(12_000)
    t.equal(client.status, 'polling', opening)
    t.equal(server.calls[0]?.headers.authorization, undefined)
    const attempts = server.sockets.length
    await time.step(3_600_000)
    t.equal(client.status, 'polling')
    const tried = server.sockets.length - attempts
    t.ok(tried >= 5 && tried < 40, `${tried} sockets were tried in an hour`)
    server.opening = 'open'
    await time.step(300_000)
    t.equal(client.status, 'live', 'and the one that opens is taken')
    const calls = server.calls.length
    await time.step(300_000)
    t.equal(server.calls.length, calls, 'polling has stopped')
  }
})

t.test('a socket that the server itself turned away is not one that is blocked', async t => {
  const server = new ScriptedServer()
  server.http = () => ({ status: 201, json: server.session })
  server.answer = ({ type }, socket) => {
    if (type !== 'hello') return undefined
    socket.push({ type: 'goodbye', reason: 'overloaded', reconnectInMs: 5_000 })
    socket.end(1013)
    return null
  }
  const { client, time } = await started(t, server)
  await time.step(60_000)
  t.equal(client.status, 'offline')
  t.equal(server.calls.length, 0, 'it does as it was told, and does not come by another door')
  t.ok(server.sockets.length <= 12)
})

t.test('a page whose policy forbids sockets, and a runtime that has none, poll', async t => {
  const server = new ScriptedServer()
  server.http = () => ({ status: 201, json: { ...server.session, locks: [] } })
  class Forbidden extends server.WebSocket {
    constructor(url: string) {
      super(url)
      throw new Error('SecurityError')
    }
  }
  const forbidden = await started(t, server, { WebSocket: Forbidden })
  await forbidden.time.step(5_000)
  t.equal(forbidden.client.status, 'polling')
  const without = await started(t, server, { transport: 'polling' })
  t.equal(without.client.status, 'polling')
})

t.test('polling: a network that goes is offline, and comes back by either way', async t => {
  const server = new ScriptedServer()
  let there = true
  server.http = ({ path }) => {
    if (!there) return undefined
    if (path === '/v1/sessions') return { status: 201, json: server.session }
    return { status: 200, json: { locks: [] } }
  }
  const { client, time } = await started(t, server, { transport: 'polling' })
  t.equal(client.status, 'polling')
  there = false
  await time.step(60_000)
  t.equal(client.status, 'offline')
  there = true
  await time.step(60_000)
  t.equal(client.status, 'polling')
})

t.test('while it polls, a refused hello keeps what there is', async t => {
  const server = new ScriptedServer()
  let refusing = false
  server.http = ({ path }) => {
    if (path !== '/v1/sessions') return { status: 200, json: { locks: [] } }
    if (!refusing) return { status: 201, json: server.session }
    const problem = { code: 'RATE_LIMITED', message: 'too many', retryable: true, retryAfterMs: 5_000 }
    return { status: 429, json: problem }
  }
  const { client, time } = await started(t, server, { transport: 'polling' })
  refusing = true
  await time.step(120_000)
  t.equal(client.status, 'polling')
  t.match(client.error, { code: 'RATE_LIMITED' })
  refusing = false
  await time.step(60_000)
  t.equal(client.error, undefined)
})
