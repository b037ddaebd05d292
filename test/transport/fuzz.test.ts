import fc from 'fast-check'
import t from 'tap'
import { connectionMessages } from '../../src/protocol/messages.js'
import { operationsByMessage } from '../../src/transport/dispatch.js'
import { WsClient } from '../helpers/ws-client.js'
import { serve } from './fixture.js'

const types = [...Object.keys(connectionMessages), ...operationsByMessage.keys(), '__proto__', 'constructor']
const params = fc.dictionary(
  fc.constantFrom(
    'calendar',
    'slots',
    'slot',
    'from',
    'to',
    'lock',
    'ttlMs',
    'customer',
    'meta',
    'token',
    '__proto__'
  ),
  fc.oneof(fc.jsonValue(), fc.constantFrom('demo', '2030-01-01', 'dr-lee/2030-01-01T09:00Z'))
)
const nearly = fc
  .record({
    id: fc.oneof(fc.jsonValue(), fc.nat(), fc.string()),
    type: fc.oneof(fc.constantFrom(...types), fc.jsonValue())
  })
  .chain(head => params.map(rest => JSON.stringify({ ...rest, ...head })))

type Thrown =
  | { as: 'text'; data: string }
  | { as: 'bytes in a text frame' | 'bytes on the wire'; data: Uint8Array }
const thrown: fc.Arbitrary<Thrown> = fc.oneof(
  { weight: 6, arbitrary: nearly.map(data => ({ as: 'text' as const, data })) },
  { weight: 3, arbitrary: fc.json().map(data => ({ as: 'text' as const, data })) },
  { weight: 2, arbitrary: fc.string().map(data => ({ as: 'text' as const, data })) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 300 }).map(data => ({ as: 'bytes in a text frame' as const, data }))
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 300 }).map(data => ({ as: 'bytes on the wire' as const, data }))
  }
)

t.test('whatever is thrown at it, the server answers a ping afterwards and no bug is logged', async t => {
  const { ws, logged } = await serve(t)
  const bystander = await WsClient.open(ws)
  let client = await WsClient.open(ws)
  await fc.assert(
    fc.asyncProperty(fc.array(thrown, { minLength: 1, maxLength: 8 }), async things => {
      if (client.close !== undefined || client.socket.readyState !== client.socket.OPEN)
        client = await WsClient.open(ws)
      for (const { as, data } of things) {
        if (client.socket.readyState !== client.socket.OPEN) break
        if (as === 'text') client.send(data)
        else if (as === 'bytes in a text frame') client.socket.send(data, { binary: false })
        else {
          // The rest of a frame that these bytes began may never come: such a client can only go.
          client.stream.write(data)
          client.socket.terminate()
        }
      }
      const answer = await bystander.request('ping')
      if (!answer.ok) throw new Error('the bystander was not answered')
      if (client.socket.readyState === client.socket.OPEN) {
        // Answered, or closed for what came before: both are an answer.
        await client.request('ping').catch(error => {
          if (client.close === undefined) throw error
        })
      }
    }),
    { numRuns: 150 }
  )
  const bugs = logged.filter(line => /never should|could not be handled/.test(line))
  t.strictSame(bugs, [])
  client.socket.terminate()
  await bystander.end()
})

t.test('whatever body is posted, the answer has a known status and is JSON', async t => {
  const { url, tokenOf, logged } = await serve(t)
  const headers = { authorization: `Bearer ${tokenOf('admin')}`, 'content-type': 'application/json' }
  const paths = fc.constantFrom(
    ['POST', '/v1/calendars/demo/locks'],
    ['PUT', '/v1/calendars/demo'],
    ['POST', '/v1/locks/abc/booking'],
    ['DELETE', '/v1/calendars/demo/blocks'],
    ['PUT', '/v1/calendars/demo/selection']
  )
  await fc.assert(
    fc.asyncProperty(paths, fc.oneof(nearly, fc.json(), fc.string()), async ([method, path], body) => {
      const response = await fetch(url + path, { method: method!, headers, body })
      await response.json()
      return [200, 201, 400, 404].includes(response.status)
    }),
    { numRuns: 150 }
  )
  t.notOk(logged.some(line => /never should/.test(line)))
})
