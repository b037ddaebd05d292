import t from 'tap'
import { lockView, MemoryStorage, ok, refuse, ScriptedServer, startClient } from './scripted-server.js'

const key = 'slotlock:https://book.example'

const visit = async (
  t: { teardown(end: () => unknown): void },
  server: ScriptedServer,
  more: Parameters<typeof startClient>[2] = {}
) => {
  const visit = startClient(t, server, more)
  await visit.time.rest()
  return visit
}

t.test('the first hello has no token; the one it is given is kept for the next page', async t => {
  const server = new ScriptedServer()
  const storage = new MemoryStorage()
  const { client } = await visit(t, server, { storage })
  t.equal(client.status, 'live')
  t.strictSame(server.last.protocols, 'slotlock.v1')
  t.equal(server.last.url, 'wss://book.example/v1/ws')
  t.equal(server.last.sent('hello')[0]?.token, undefined)
  t.equal(storage.getItem(key), 'token-1')
  t.match(client.session, { session: 'S1', role: 'visitor' })
  t.notOk('token' in (client.session ?? {}), 'and is shown to nobody')
  await visit(t, server, { storage })
  t.equal(server.last.sent('hello')[0]?.token, 'token-1')
})

t.test('the key of the site is shown with each hello, and there is none where none was given', async t => {
  for (const siteKey of [undefined, 'shown-in-the-page']) {
    const server = new ScriptedServer()
    await visit(t, server, siteKey === undefined ? {} : { key: siteKey })
    t.equal(server.last.sent('hello')[0]?.key, siteKey)
  }
})

t.test('a token that was renewed is stored again', async t => {
  const server = new ScriptedServer()
  const storage = new MemoryStorage()
  storage.setItem(key, 'token-0')
  await visit(t, server, { storage })
  t.equal(storage.getItem(key), 'token-1')
})

t.test('a token that is not ours is dropped, and hello is said without it', async t => {
  for (const how of ['refused and closed with 4001', 'closed with 4001 before the answer came']) {
    const server = new ScriptedServer()
    const storage = new MemoryStorage()
    storage.setItem(key, 'strange')
    server.answer = ({ type, token }, socket) => {
      if (type !== 'hello' || token !== 'strange') return undefined
      queueMicrotask(() => queueMicrotask(() => socket.end(4001)))
      return how.startsWith('refused') ? refuse('UNAUTHENTICATED') : null
    }
    const { client } = await visit(t, server, { storage })
    t.equal(client.status, 'live', how)
    t.equal(server.sockets.length, 2)
    t.equal(storage.getItem(key), 'token-1')
  }
})

t.test('a server that takes no token at all is not asked in a circle', async t => {
  const server = new ScriptedServer()
  server.answer = ({ type }) => (type === 'hello' ? refuse('UNAUTHENTICATED') : undefined)
  const { client, time } = await visit(t, server, { token: 'strange' })
  await time.step(120_000)
  t.not(client.status, 'live')
  t.match(client.error, { code: 'UNAUTHENTICATED' })
  t.ok(server.sockets.length < 20, `${server.sockets.length} attempts in two minutes`)
})

t.test(
  'two tabs that open at once end up in one session: who comes second takes the first one’s',
  async t => {
    const server = new ScriptedServer()
    const storage = new MemoryStorage()
    let sessions = 0
    server.answer = ({ type, token }) => {
      if (type !== 'hello') return undefined
      const name = token === undefined ? ++sessions : Number(String(token).slice(6))
      return ok({
        ...server.session,
        session: `S${name}`,
        token: `token-${name}`,
        resumed: token !== undefined
      })
    }
    const one = startClient(t, server, { storage })
    const two = startClient(t, server, { storage })
    await one.time.rest()
    t.equal(sessions, 2, 'both were given a session')
    t.equal(one.client.session?.session, two.client.session?.session)
    t.equal(two.client.status, 'live')
  }
)

t.test('a storage that throws is one that is not there', async t => {
  const server = new ScriptedServer()
  const broken = (): never => {
    throw new Error('SecurityError')
  }
  const storage = { getItem: broken, setItem: broken, removeItem: broken }
  const { client, time } = await visit(t, server, { storage })
  t.equal(client.status, 'live')
  server.last.end()
  await time.step(1_000)
  t.equal(server.last.sent('hello')[0]?.token, 'token-1', 'it is remembered all the same')
})

t.test('a token given by hand goes into no storage that was not given too', async t => {
  const local = new MemoryStorage()
  Object.defineProperty(globalThis, 'localStorage', { value: local, configurable: true })
  t.teardown(() => Reflect.deleteProperty(globalThis, 'localStorage'))
  const server = new ScriptedServer()
  await visit(t, server, { token: 'staff', storage: undefined })
  t.equal(server.last.sent('hello')[0]?.token, 'staff')
  t.equal(local.items.size, 0)
  await visit(t, server, { storage: undefined })
  t.equal(local.getItem(key), 'token-1', 'a visitor’s goes into the localStorage there is')
})

t.test('another session has none of the old one’s locks', async t => {
  const server = new ScriptedServer()
  const { client, time } = await visit(t, server)
  server.last.push({ type: 'lock', lock: lockView() })
  t.equal(client.locks.size, 1)
  server.session = { ...server.session, session: 'S2', resumed: false }
  server.last.end()
  await time.step(1_000)
  t.equal(client.session?.session, 'S2')
  t.equal(client.locks.size, 0)
})

t.test('a fresh token that is pushed takes the place of the old one, and no listener sees it', async t => {
  const server = new ScriptedServer()
  const storage = new MemoryStorage()
  const { client } = await visit(t, server, { storage })
  const pushes: unknown[] = []
  client.on('push', push => pushes.push(push))
  server.last.push({ type: 'session', token: 'token-2', expiresAt: 7 })
  t.equal(storage.getItem(key), 'token-2')
  t.equal(client.session?.expiresAt, 7)
  t.strictSame(pushes, [])
})
