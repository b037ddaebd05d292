import { once } from 'node:events'
import t from 'tap'
import { WsClient } from '../helpers/ws-client.js'
import { serve } from './fixture.js'

const hourMs = 3_600_000

/** A server whose clock the test moves on, and which pings, and so looks at tokens, all the time. */
async function longDays(t: Parameters<typeof serve>[0]) {
  let laterMs = 0
  const clock = { now: () => Date.now() + laterMs, monotonic: () => performance.now() }
  const served = await serve(t, { clock, timing: { beatMs: 5, beatsPerPing: 1 } })
  const pass = (hours: number): void => {
    laterMs += hours * hourMs
  }
  return { ...served, pass }
}

t.test('a page that stays open is given a fresh token before its session is over', async t => {
  const { ws, pass } = await longDays(t)
  const client = await WsClient.open(ws)
  const { session, token, expiresAt } = client.session as Record<'session' | 'token', string> & {
    expiresAt: number
  }
  pass(11)
  // it is looked at right after each ping
  for (let pings = 0; pings < 2; pings++) await once(client.socket, 'ping')
  t.strictSame(client.pushes('session'), [], 'not in the first half of its life')
  pass(2)
  const renewed = await client.next('session')
  t.not(renewed.token, token)
  t.ok((renewed.expiresAt as number) > expiresAt)
  pass(23)
  t.match(await client.request('locks'), { ok: true }, 'after the end of the first token')
  const back = await WsClient.open(ws, String((await client.next('session')).token))
  t.match(back.session, { resumed: true, session })
  await back.end()
  await client.end()
})

t.test(
  'a token that is over is not renewed, nor is one that was minted for so long and no longer',
  async t => {
    const { ws, pass, tokens } = await longDays(t)
    const asleep = await WsClient.open(ws)
    const { token } = tokens.mint({ role: 'staff', ttlMs: 24 * hourMs })
    const staff = await WsClient.open(ws, token)
    pass(13)
    const renewed = await asleep.next('session')
    t.match(await staff.request('locks'), { ok: true })
    pass(25)
    for (const client of [asleep, staff]) {
      t.match(await client.request('locks'), { ok: false, error: { code: 'UNAUTHENTICATED' } })
    }
    t.strictSame(asleep.pushes('session'), [renewed], 'the server had slept through the rest of its life')
    t.strictSame(staff.pushes('session'), [])
    await asleep.end()
    await staff.end()
  }
)
