import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { readHostJwks } from '../../src/host-jwks.js'
import { done } from '../../src/service/answers/refusal.js'
import { HostTokens } from '../../src/service/callers/host-tokens.js'
import { realTimers } from '../../src/service/tools/timers.js'
import { HostKeys, type HostKeyTimes } from '../../src/service/upkeep/host-keys.js'
import {
  jwksOf,
  newSigningKey,
  type SigningKey,
  signed,
  signedWithText,
  unsigned
} from '../helpers/host-signer.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, serve } from './fixture.js'

const issuer = 'https://shop.example'
const audience = 'slots'
const keys = {
  ec: newSigningKey('ec', 'ES256'),
  rsa: newSigningKey('rsa', 'RS256'),
  ed: newSigningKey('ed', 'EdDSA')
}
const stranger = newSigningKey('ec', 'ES256')
const nowS = (): number => Math.floor(Date.now() / 1_000)
const claims = (more: object = {}): Record<string, unknown> => ({
  ...{ iss: issuer, aud: audience, sub: 'booking-1', iat: nowS(), exp: nowS() + 600, calendars: [calendar] },
  ...more
})
const without = (name: string): object => ({ ...claims(), [name]: undefined })

/** What is served at the moment, and how often it was asked for. */
class KeyServer {
  text = jwksOf(...Object.values(keys))
  asked = 0
  #server: Server | undefined
  url = ''

  async open(port = 0): Promise<void> {
    this.#server = createServer((_request, response) => {
      this.asked++
      response.end(this.text)
    }).listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`
  }

  async close(): Promise<void> {
    const closed = this.#server && once(this.#server, 'close')
    this.#server?.closeAllConnections()
    this.#server?.close()
    await closed
  }
}

async function scene(
  t: { teardown(end: () => Promise<void>): void },
  times: Partial<HostKeyTimes> = {},
  expected: { issuer: string; audience: string } = { issuer, audience }
) {
  const server = new KeyServer()
  await server.open()
  t.teardown(() => server.close())
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  const tokens: HostTokens = new HostTokens({ ...expected, clock, lookAgain: () => hostKeys.lookAgain() })
  const said: (readonly string[])[] = []
  const hostKeys: HostKeys = new HostKeys({
    read: () => readHostJwks(server.url),
    use: found => tokens.useKeys(found),
    onChange: ({ problems }) => void said.push(problems),
    clock,
    timers: realTimers,
    times
  })
  const callers: { role: string; session: string | undefined }[] = []
  const served = await serve(t, {
    hostTokens: tokens,
    handlers: {
      staffLocks: async ({ role, session }) => {
        callers.push({ role, session })
        return done({ locks: [], selections: [] })
      }
    }
  })
  /** The status with which the live locks of a calendar are asked for. */
  const ask = async (token: string, of: string = calendar): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${served.url}/v1/staff/locks?calendar=${of}`, { headers })).status
  }
  return { server, hostKeys, tokens, served, ask, callers, said }
}

t.test('what the host signs with any of its keys is a host, for the calendars in the token', async t => {
  const { ask, callers, served } = await scene(t)
  for (const key of Object.values(keys)) t.equal(await ask(signed(key, claims())), 200, key.algorithm)
  t.equal(await ask(signed(keys.ec, claims({ aud: ['other', audience] }))), 200)
  t.equal(await ask(signed(keys.ec, claims({ calendars: ['other'] }))), 403)
  t.equal(await ask(signed(keys.ec, claims({ calendars: [] }))), 403)
  t.equal(await ask(signed(keys.ec, claims({ calendars: '*' })), 'any'), 200)
  t.ok(callers.every(({ role }) => role === 'host'))
  t.equal(new Set(callers.map(({ session }) => session)).size, 1, 'one name is one session')
  const socket = await WsClient.open(served.ws, signed(keys.ed, claims()))
  t.match(socket.session, { role: 'host', calendars: [calendar], resumed: true })
  await socket.end()
})

t.test('a visitor that the host names is the same session each time, and never renewed by us', async t => {
  const { served } = await scene(t)
  const visitor = (more: object = {}): string =>
    signed(keys.ec, claims({ role: 'visitor', sub: 'ann', ...more }))
  const open = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await (await fetch(`${served.url}/v1/sessions`, { method: 'POST', headers })).json()) as Record<
      string,
      unknown
    >
  }
  const old = visitor({ iat: nowS() - 590, exp: nowS() + 10 })
  const [first, second] = [await open(visitor()), await open(old)]
  t.match(first, { role: 'visitor', resumed: true })
  t.equal(second.session, first.session)
  t.equal(second.token, old, 'its end is the host’s to say')
  t.not(
    (await open(signed(keys.ec, claims()))).session,
    first.session,
    'a program of that name is somebody else'
  )
})

t.test('everything else that says it is the host’s is refused', async t => {
  const { ask, served } = await scene(t)
  const pem = keys.rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const jwk = JSON.stringify(keys.rsa.publicKey.export({ format: 'jwk' }))
  const hourS = 3_600
  const bad: Record<string, string> = {
    'another key of the same kid': signed(stranger, claims()),
    'alg none': unsigned('ec', claims()),
    'alg none of no kid': unsigned('', claims()),
    'HS256 with the public key for a secret': signedWithText(pem, 'rsa', claims()),
    'HS256 with the key set for a secret': signedWithText(jwk, 'rsa', claims()),
    'an algorithm that the key is not for': signed({ ...keys.ec, kid: 'rsa' }, claims()),
    'an algorithm that only the header says': signed(keys.ec, claims(), { alg: 'RS256' }),
    'a kid that no key has': signed({ ...keys.ec, kid: 'new' }, claims()),
    'no kid, and several keys': signed(keys.ec, claims(), { kid: undefined }),
    'a kid that is no text': signed(keys.ec, claims(), { kid: 1 }),
    'an extension that has to be understood': signed(keys.ec, claims(), { crit: ['b64'], b64: false }),
    'another issuer': signed(keys.ec, claims({ iss: 'https://shop.example.evil' })),
    'another audience': signed(keys.ec, claims({ aud: 'mail' })),
    'no issuer': signed(keys.ec, without('iss')),
    'no audience': signed(keys.ec, without('aud')),
    'no end': signed(keys.ec, without('exp')),
    'no beginning': signed(keys.ec, without('iat')),
    'no name': signed(keys.ec, without('sub')),
    'no calendars': signed(keys.ec, without('calendars')),
    'a calendar that is none': signed(keys.ec, claims({ calendars: ['Über'] })),
    'too long a life': signed(keys.ec, claims({ exp: nowS() + 25 * hourS })),
    'a life in the future': signed(keys.ec, claims({ iat: nowS() + hourS, exp: nowS() + 2 * hourS })),
    'not yet': signed(keys.ec, claims({ nbf: nowS() + hourS })),
    'an end before the beginning': signed(keys.ec, claims({ exp: nowS() - 10 })),
    'its time is over': signed(keys.ec, claims({ iat: nowS() - hourS, exp: nowS() - 1 })),
    'a role that is not the host’s to give': signed(keys.ec, claims({ role: 'admin' })),
    staff: signed(keys.ec, claims({ role: 'staff' })),
    'cut off': signed(keys.ec, claims()).slice(0, -1),
    'longer than any': signed(keys.ec, claims({ sub: 'a'.repeat(250), note: 'x'.repeat(2_000) }))
  }
  for (const [what, token] of Object.entries(bad)) t.equal(await ask(token), 401, what)
  const socket = await WsClient.connect(served.ws)
  t.match(await socket.request('hello', { token: bad['alg none'] }), { error: { code: 'UNAUTHENTICATED' } })
  t.equal((await socket.closed()).code, 4001)
})

t.test(
  'the twins: whoever believes the header, or does not ask whom a token is for, lets them in',
  async t => {
    const pem = keys.rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const naive = (token: string): boolean => {
      const [head = '', body = '', signature] = token.split('.')
      const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: string }
      if (alg === 'none') return signature === ''
      return (
        alg === 'HS256' &&
        createHmac('sha256', pem).update(`${head}.${body}`).digest('base64url') === signature
      )
    }
    t.ok(naive(unsigned('ec', claims({ role: 'admin' }))))
    t.ok(naive(signedWithText(pem, 'rsa', claims({ role: 'admin' }))))
    const careless = await scene(t, {}, { issuer: 'https://mail.example', audience: 'mail' })
    const forMail = signed(keys.ec, claims({ iss: 'https://mail.example', aud: 'mail' }))
    t.equal(
      await careless.ask(forMail),
      200,
      'nothing but its issuer and its audience are wrong with it here'
    )
    t.equal(await (await scene(t)).ask(forMail), 401)
  }
)

t.test(
  'a new key is heard of with its first token, and a withdrawn one is gone with the next reading',
  async t => {
    const { server, hostKeys, ask } = await scene(t, { pauseMs: 0 })
    const next = newSigningKey('next', 'ES256')
    t.equal(await ask(signed(keys.ec, claims())), 200)
    server.text = jwksOf(keys.rsa, next)
    t.equal(await ask(signed(keys.ec, claims())), 200, 'nobody has said yet that it is withdrawn')
    t.equal(await ask(signed(next, claims())), 200)
    t.equal(await ask(signed(keys.ec, claims())), 401, 'also one that was let in a moment ago')
    t.equal(hostKeys.fresh, true)
  }
)

t.test('tokens of unknown keys have the keys read at a bounded rate', async t => {
  const { server, ask } = await scene(t, { pauseMs: 60_000 })
  const made = (nth: number): string => signed({ ...stranger, kid: `made-up-${nth}` }, claims())
  const statuses = await Promise.all(Array.from({ length: 50 }, (_, nth) => ask(made(nth))))
  for (let nth = 0; nth < 20; nth++) statuses.push(await ask(made(nth)))
  t.ok(statuses.every(status => status === 401))
  t.equal(server.asked, 1)
  const twin = await scene(t, { pauseMs: 0 })
  for (let nth = 0; nth < 20; nth++) await twin.ask(made(nth))
  t.ok(twin.server.asked >= 20, 'the twin: each of them would be a request to the host')
})

t.test('the key server is out: the keys stay, and new ones come when it is back', async t => {
  const { server, hostKeys, ask, said } = await scene(t, { pauseMs: 0 })
  t.equal(await ask(signed(keys.ec, claims())), 200)
  const port = Number(new URL(server.url).port)
  await server.close()
  await hostKeys.lookAgain()
  t.equal(hostKeys.fresh, false)
  t.equal(await ask(signed(keys.ec, claims({ sub: 'other' }))), 200)
  await server.open(port)
  for (const text of [
    '<html>',
    '{}',
    '{"keys":[]}',
    JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] })
  ]) {
    server.text = text
    await hostKeys.lookAgain()
    t.equal(await ask(signed(keys.ec, claims({ sub: text }))), 200, `it answers ${text}`)
  }
  const next = newSigningKey('next', 'EdDSA')
  server.text = jwksOf(next)
  t.equal(await ask(signed(next, claims())), 200)
  t.equal(hostKeys.fresh, true)
  t.match(said.flat(), [/cannot be read/, /is not JSON/, /no list/, /no key that can be used/, /is private/])
})

t.test('a host’s session that was ended is over, and what the host signs afterwards is good', async t => {
  const { ask, served, callers } = await scene(t)
  const before = signed(keys.ec, claims({ iat: nowS() - 5 }))
  t.equal(await ask(before), 200)
  const session = callers[0]!.session as never
  served.revoked.learn([{ session, at: Date.now() - 2_000, until: Date.now() + 60_000 }])
  t.equal(await ask(before), 401)
  t.equal(await ask(signed(keys.ec, claims())), 200)
})

t.test('what the host signed before an end is over with it, also if its clock is ahead', async t => {
  const { ask, served, callers } = await scene(t)
  const before = signed(keys.ec, claims({ iat: nowS() + 1 }))
  t.equal(await ask(before), 200)
  const session = callers[0]!.session as never
  served.revoked.learn([{ session, at: Date.now(), until: Date.now() + 60_000 }])
  t.equal(await ask(before), 401)
  t.equal(
    await ask(signed(keys.ec, claims({ iat: nowS() + 30 }))),
    401,
    'further ahead it is not taken at all'
  )
})

t.test('of a key set only what is sound is used', async t => {
  const { server, ask, said } = await scene(t, { pauseMs: 0 })
  const weak: SigningKey = newSigningKey('weak', 'RS256', 1_024)
  const jwks = JSON.parse(jwksOf(keys.ec, weak)) as { keys: object[] }
  jwks.keys.push({ ...keys.ed.publicKey.export({ format: 'jwk' }), kid: 'ed', use: 'enc' })
  jwks.keys.push({ ...keys.rsa.privateKey.export({ format: 'jwk' }), kid: 'rsa' })
  server.text = JSON.stringify(jwks)
  for (const key of [weak, keys.ed, keys.rsa]) t.equal(await ask(signed(key, claims())), 401, key.kid)
  t.equal(await ask(signed(keys.ec, claims())), 200)
  t.strictSame(said[0], [
    'keys[1] has 1024 bits, fewer than 2048',
    'keys[2] is not for signatures',
    'keys[3] is private, and has no place here'
  ])
})
