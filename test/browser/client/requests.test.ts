import t from 'tap'
import type { SlotlockError } from '../../../src/browser/client/errors.js'
import { lockView, ok, refuse, ScriptedServer, startClient } from './scripted-server.js'

const slots = ['dr-lee/2026-01-20T09:00Z']

const started = async (t: { teardown(end: () => unknown): void }, server: ScriptedServer) => {
  const it = startClient(t, server)
  await it.time.rest()
  return it
}

/** What comes of it, without waiting. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown; error?: SlotlockError } {
  const outcome: { value?: unknown; error?: SlotlockError } = {}
  promise.then(
    value => Object.assign(outcome, { value }),
    error => Object.assign(outcome, { error })
  )
  return outcome
}

t.test(
  'a connection lost before the answer: the same request with the same requestId, on the next',
  async t => {
    for (const [type, act] of [
      ['lock', client => client.lock({ calendar: 'demo', slots })],
      ['book', client => client.book('lock-1', { customer: { name: 'Ann' } })]
    ] as [string, (client: ReturnType<typeof startClient>['client']) => Promise<unknown>][]) {
      const server = new ScriptedServer()
      const { client, time } = await started(t, server)
      const outcome = outcomeOf(act(client))
      await time.rest()
      const [first] = server.last.sent(type)
      t.match(first?.requestId, /^\d{1,20}-\d{1,20}$/)
      server.answer = message =>
        message.type === type ? ok({ lock: lockView(), booking: { id: 'booking-1' } }) : undefined
      server.last.end()
      await time.step(2_000)
      const [second] = server.last.sent(type)
      t.strictSame({ ...second, id: 0 }, { ...first, id: 0 })
      t.match(outcome.value, { id: type === 'lock' ? 'lock-1' : 'booking-1' })
    }
  }
)

t.test('without the same requestId the second would be another request', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  const granted = new Map<unknown, string>()
  server.answer = message => {
    if (message.type !== 'lock') return undefined
    if (granted.has(message.requestId)) return ok({ lock: lockView() })
    if (granted.size > 0) return refuse('SLOT_UNAVAILABLE')
    granted.set(message.requestId, 'lock-1')
    return refuse('OUTCOME_UNKNOWN') // granted, and the answer of the database was lost
  }
  const resent = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.step(2_000)
  t.match(resent.value, { id: 'lock-1' })
  const anew = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.step(5_000)
  t.match(anew.error, { code: 'SLOT_UNAVAILABLE' }, 'as a client is told that makes up another one')
})

t.test('after an unknown outcome a refusal counts once the first packet cannot arrive any more', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  let sends = 0
  let slotIsFree = false
  server.answer = message => {
    if (message.type !== 'lock') return undefined
    if (++sends === 1) return refuse('OUTCOME_UNKNOWN')
    return slotIsFree ? ok({ lock: lockView() }) : refuse('SLOT_UNAVAILABLE')
  }
  const outcome = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.step(500)
  t.equal(sends, 2)
  t.strictSame(outcome, {}, 'refused, and not believed yet')
  slotIsFree = true // who had it lets go, and the first packet, late, is granted
  await time.step(1_500)
  t.match(outcome.value, { id: 'lock-1' })
})

t.test('and then it is final, and the own locks are read to see what became of it all', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  let sends = 0
  server.answer = ({ type }) =>
    type !== 'lock' ? undefined : ++sends === 1 ? refuse('OUTCOME_UNKNOWN') : refuse('SLOT_UNAVAILABLE')
  const outcome = outcomeOf(client.lock({ calendar: 'demo', slots }))
  const readings = server.last.sent('locks').length
  await time.step(5_000)
  t.match(outcome.error, { code: 'SLOT_UNAVAILABLE' })
  t.equal(sends, 3)
  t.equal(server.last.sent('locks').length, readings + 1)
})

t.test('BUSY is waited for as long as it says', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  let sends = 0
  server.answer = ({ type }) =>
    type !== 'extend'
      ? undefined
      : ++sends === 1
        ? refuse('BUSY', { retryAfterMs: 3_000 })
        : ok({ lock: lockView() })
  const outcome = outcomeOf(client.extend('lock-1'))
  await time.step(2_900)
  t.equal(sends, 1)
  await time.step(400)
  t.match(outcome.value, { id: 'lock-1' })
})

t.test('what cannot be sent is UNREACHABLE, what was sent and not answered OUTCOME_UNKNOWN', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  const sent = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.rest()
  server.opening = 'fail'
  server.last.end()
  const unsent = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.step(20_000)
  t.match(sent.error, { code: 'OUTCOME_UNKNOWN', retryable: true })
  t.match(unsent.error, { code: 'UNREACHABLE', retryable: true })
})

t.test('close() ends what waits, and says of what was sent that nobody knows', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  const sent = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.rest()
  client.close()
  await time.step(1_000)
  t.match(sent.error, { code: 'OUTCOME_UNKNOWN' })
})

t.test('requests that wait are bounded', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  const outcomes = Array.from({ length: 60 }, () => outcomeOf(client.extend('lock-1')))
  await time.rest()
  const refusedNow = outcomes.filter(({ error }) => error !== undefined)
  t.equal(refusedNow.length, 12)
  t.match(refusedNow[0]?.error, { code: 'BUSY', retryable: true })
  t.equal(server.last.sent('extend').length, 48)
})

t.test(
  'a request that is longer than a frame may be is refused here: there it would end the connection',
  async t => {
    const server = new ScriptedServer()
    const { client } = await started(t, server)
    const note = 'ü'.repeat(9_000)
    await t.rejects(client.book('lock-1', { customer: { name: 'Ann', note } }), { code: 'INVALID_REQUEST' })
    t.equal(server.last.sent('book').length, 0)
  }
)

t.test('a session that ended is renewed, and the request that met its end is sent once more', async t => {
  const server = new ScriptedServer()
  const { client, time } = await started(t, server)
  server.answer = ({ type }) =>
    type !== 'lock'
      ? undefined
      : server.sockets.length === 1
        ? refuse('UNAUTHENTICATED')
        : ok({ lock: lockView() })
  const outcome = outcomeOf(client.lock({ calendar: 'demo', slots }))
  await time.step(1_000)
  t.match(outcome.value, { id: 'lock-1' })
})

t.test('an error has the members of the contract’s, and is one', async t => {
  const server = new ScriptedServer()
  const { client } = await started(t, server)
  const conflicts = [{ slot: slots[0], state: 'locked', expiresInMs: 5_000 }]
  server.answer = ({ type }) =>
    type === 'lock' ? refuse('SLOT_UNAVAILABLE', { details: { conflicts } }) : undefined
  const error = await client.lock({ calendar: 'demo', slots }).catch(error => error)
  t.ok(error instanceof Error)
  t.match(error, {
    name: 'SlotlockError',
    code: 'SLOT_UNAVAILABLE',
    retryable: false,
    details: { conflicts }
  })
})
