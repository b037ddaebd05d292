import { once } from 'node:events'
import { WebSocket } from 'ws'
import { WsClient } from '../../helpers/ws-client.js'
import { calendar, type Subject } from '../clinic.js'
import { mustBeProblem } from '../shapes.js'

/** What is no request, on either face: told so, and never the end of anybody else. */
export const frames: Subject = async (t, clinic, face) => {
  const { a } = clinic.world

  if (face === 'http') {
    await t.test(
      'a body that is no JSON object, too large or of another type is refused as a problem',
      async t => {
        const ann = await clinic.ann('http')
        const post = async (body: string, type = 'application/json'): Promise<number> => {
          const response = await fetch(`${a.url}/v1/calendars/${calendar}/locks`, {
            method: 'POST',
            headers: { authorization: `Bearer ${ann.token}`, 'content-type': type },
            body
          })
          const problem: unknown = await response.json()
          mustBeProblem(problem, response.status)
          t.equal(problem.code, 'INVALID_REQUEST')
          return response.status
        }
        t.equal(await post('{"slots": ['), 400)
        t.equal(await post('[]'), 400)
        t.equal(await post('"text"'), 400)
        t.equal(await post('{"slots": []}', 'text/plain'), 400)
        t.equal(await post(JSON.stringify({ slots: ['a'.repeat(17_000)] })), 400)
        t.equal(await post('{"__proto__": {}, "slots": []}'), 400)
        t.equal(await post(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`), 400)
      }
    )

    await t.test('an address that is not there is not found, and its method neither', async t => {
      const nowhere = await a.get('/v1/nothing')
      mustBeProblem(await nowhere.json(), 404)
      const method = await fetch(`${a.url}/v1/calendars`, { method: 'DELETE' })
      t.equal(method.status, 405)
      t.equal(method.headers.get('allow'), 'GET')
    })
    return
  }

  const open = async (): Promise<WsClient> => {
    const client = await WsClient.open(a.ws)
    t.teardown(() => client.socket.terminate())
    return client
  }

  await t.test('a frame that is no request is answered, and the connection goes on', async t => {
    const client = await open()
    const answers = async (frame: unknown, id: number | string | null): Promise<void> => {
      client.send(frame)
      t.match(await client.answerTo(id), { id, ok: false, error: { code: 'INVALID_REQUEST' } })
    }
    await answers('{', null)
    await answers('[]', null)
    await answers('null', null)
    await answers({ type: 'ping' }, null)
    for (const id of [0.5, 2 ** 53, '', 'a'.repeat(65), null, {}, true])
      await answers({ id, type: 'ping' }, null)
    await answers({ id: 'no type' }, 'no type')
    await answers({ id: 70, type: 'explode' }, 70)
    await answers({ id: 71, type: 7 }, 71)
    await answers({ id: 72, type: 'constructor' }, 72)
    await answers({ id: 73, type: 'hello' }, 73)
    await answers({ id: 74, type: 'lock' }, 74)
    await answers({ id: 75, type: 'lock', calendar, slots: [{}] }, 75)
    await answers({ id: 76, type: 'putCalendar', calendar }, 76)
    await answers('{"id": 77, "type": "ping", "__proto__": {}}', null)
    for (const id of [Number.MIN_SAFE_INTEGER, 'a'.repeat(64), 'é']) {
      client.send({ id, type: 'ping' })
      t.match(await client.answerTo(id), { ok: true, result: { serverTime: Number } })
    }
  })

  await t.test('what ends a connection says why', async t => {
    const large = await open()
    large.send({ id: 1, type: 'ping', padding: 'a'.repeat(16_384) })
    t.equal((await large.closed()).code, 1009)
    const binary = await open()
    binary.socket.send(Buffer.from('{"id":1,"type":"ping"}'))
    t.equal((await binary.closed()).code, 1003)
    for (const first of [
      { id: 1, type: 'ping' },
      { id: 1, type: 'lock' },
      { id: 1, type: 'hello', token: 7 }
    ]) {
      const stranger = await WsClient.connect(a.ws)
      stranger.send(first)
      t.match(await stranger.answerTo(1), { ok: false, error: { code: 'INVALID_REQUEST' } })
      t.equal((await stranger.closed()).code, 1008)
    }
  })

  await t.test('a page of another origin is not let in', async t => {
    const socket = new WebSocket(a.ws, ['slotlock.v1'], { origin: 'https://evil.example' })
    socket.on('error', () => {})
    const [, response] = await once(socket, 'unexpected-response')
    t.equal(response.statusCode, 403)
    response.destroy()
  })
}
