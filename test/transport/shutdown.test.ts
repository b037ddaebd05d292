import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { closeCodes } from '../../src/protocol/codes.js'
import { done } from '../../src/service/answers/refusal.js'
import { until } from '../helpers/process.js'
import { WsClient } from '../helpers/ws-client.js'
import { serve, slotId } from './fixture.js'

t.test(
  'a server that stops says so in order: not ready, no new locks, answers first, then 1012 for everybody',
  async t => {
    const waiting: (() => void)[] = []
    const { app, url, ws, tokenOf } = await serve(t, {
      settings: { shutdownGraceMs: 20_000 },
      handlers: {
        listLocks: () => new Promise(resolve => waiting.push(() => resolve(done({ locks: [] }))))
      }
    })
    const token = tokenOf('visitor')
    const headers = { authorization: `Bearer ${token}` }
    const idle = await WsClient.open(ws)
    const asking = await WsClient.open(ws)
    asking.send({ id: 'slow', type: 'locks' })
    const slowHttp = fetch(`${url}/v1/locks`, { headers })
    await until('both requests are being worked on', () => waiting.length === 2)

    const closed = app.close()
    const goodbye = await idle.next('goodbye')
    t.match(goodbye, { reason: 'restart', reconnectInMs: Number })
    t.equal((await idle.closed()).code, closeCodes.restart)

    const ready = await fetch(`${url}/readyz`)
    t.equal(ready.status, 503)
    t.match(await ready.json(), { ready: false, reason: 'draining' })
    t.equal((await fetch(`${url}/livez`)).status, 200)
    const locked = await fetch(`${url}/v1/calendars/demo/locks`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ slots: [slotId(0)] })
    })
    t.equal(locked.status, 503)
    t.match(await locked.json(), { code: 'BUSY', retryable: true, retryAfterMs: Number })
    t.match(await asking.request('lock', { calendar: 'demo', slots: [slotId(0)] }), {
      ok: false,
      error: { code: 'BUSY' }
    })
    const upgrade = new WebSocket(ws)
    upgrade.on('error', () => {})
    const [, response] = await once(upgrade, 'unexpected-response')
    t.equal(response.statusCode, 503)
    t.match(response.headers, { 'retry-after': /^\d+$/ })
    response.destroy()

    for (const answer of waiting) answer()
    t.match(await asking.answerTo('slow'), { ok: true }, 'what was asked before is answered')
    t.match(await asking.next('goodbye'), { reason: 'restart' })
    t.equal((await asking.closed()).code, closeCodes.restart)
    t.equal((await slowHttp).status, 200)
    await closed
  }
)

t.test('who is sent away is told different times to come back', async t => {
  const { app, ws } = await serve(t)
  const clients = await Promise.all(Array.from({ length: 20 }, () => WsClient.open(ws)))
  const closed = app.close()
  const times = await Promise.all(
    clients.map(async client => (await client.next('goodbye')).reconnectInMs as number)
  )
  t.ok(new Set(times).size > 10, `${times.join(' ')}`)
  t.ok(Math.min(...times) >= 250)
  await closed
})

t.test('work that never ends is cut off at the end of the grace time', async t => {
  let asked = 0
  const { app, url, ws, tokenOf } = await serve(t, {
    settings: { shutdownGraceMs: 100 },
    handlers: {
      listLocks: () => {
        asked++
        return new Promise(() => {})
      }
    }
  })
  const client = await WsClient.open(ws)
  client.send({ id: 1, type: 'locks' })
  const http = fetch(`${url}/v1/locks`, { headers: { authorization: `Bearer ${tokenOf('visitor')}` } })
  const cut = t.rejects(http)
  await until('both are being worked on', () => asked === 2)
  await app.close()
  t.match(await client.next('goodbye'), { reason: 'restart', reconnectInMs: Number }, 'with a goodbye')
  t.equal((await client.closed()).code, closeCodes.restart)
  await cut
})

t.test('who does not even read the goodbye is cut off a moment after the grace time', async t => {
  const { app, ws } = await serve(t, { settings: { shutdownGraceMs: 50 } })
  const asleep = await WsClient.open(ws)
  asleep.stream.pause()
  await app.close()
  t.equal(asleep.close, undefined, 'nothing was heard of it')
  asleep.socket.terminate()
})

t.test('a client that always has a request under way is sent away in order, too', async t => {
  const waiting: (() => void)[] = []
  const { app, ws } = await serve(t, {
    settings: { shutdownGraceMs: 20_000 },
    handlers: {
      listLocks: () => new Promise(resolve => waiting.push(() => resolve(done({ locks: [] }))))
    }
  })
  const other = await WsClient.open(ws)
  const busy = await WsClient.open(ws)
  busy.send({ id: 'before', type: 'locks' })
  await until('it is being worked on', () => waiting.length === 1)
  const closed = app.close()
  await other.next('goodbye')
  t.match(await busy.request('locks'), { ok: false, error: { code: 'BUSY', retryAfterMs: Number } })
  t.match(await busy.request('ping'), { ok: true })
  t.equal(waiting.length, 1, 'what comes after the stop is not begun')
  waiting[0]!()
  t.match(await busy.answerTo('before'), { ok: true })
  t.match(await busy.next('goodbye'), { reason: 'restart' })
  t.equal((await busy.closed()).code, closeCodes.restart)
  await closed
})
