import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import type { SlotId } from '../../src/domain/ids.js'
import { closeCodes } from '../../src/protocol/codes.js'
import type { SlotState } from '../../src/protocol/schemas.js'
import { done } from '../../src/service/answers/refusal.js'
import { outboxHardBytesMax, outboxStatesMax } from '../../src/transport/settings.js'
import { until } from '../helpers/process.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, row, type Served, serve, slotId } from '../transport/fixture.js'

/**
 * Geometry: one server, one client that watches one calendar and then stops reading (its socket is paused, as a
 * browser on a train does it). The kernel takes some megabytes before the server notices anything at all.
 *
 * What should follow: past 64 KiB of unsent data the client leaves the broadcast, and the newest state of each slot is
 * remembered for it, no more. When it goes on it gets those as one message. If it owes too much, misses too many slots or
 * takes too long it is closed with 4008, and reads a snapshot when it comes back. What waits for it is bounded always.
 *
 * Twin: a server that leaves this to the socket, whose buffer has no end.
 */
const watch = { calendar: 'demo', from: '2030-01-01', to: '2030-01-02' }
/** Who stopped reading answers no pings either; that is another story (51), and must not come first here. */
const timing = { tickMs: 1, behindMaxMs: 60_000, beatsPerPing: 5_000 }

async function metric(served: Served, name: string): Promise<number> {
  const found = await served.metrics.registry.getSingleMetric(name)?.get()
  return found?.values.reduce((sum, { value }) => sum + value, 0) ?? 0
}

const slots = Array.from({ length: 2_000 }, (_, n) => slotId(n))

/** Changes all slots again and again until the condition holds; answers the last version. */
async function changeUntil(served: Served, what: string, condition: () => Promise<boolean>): Promise<number> {
  let ver = 1
  await until(
    what,
    async () => {
      served.feed.emit({ kind: 'slots', calendar, rows: slots.map(slot => row(slot, ver + 1)) })
      ver += 1
      await new Promise(resolve => setImmediate(resolve))
      return condition()
    },
    30_000
  )
  return ver
}

t.test(
  'a reader that stopped gets the newest state of each slot when it goes on, not the backlog',
  async t => {
    const served = await serve(t, { timing })
    const client = await WsClient.open(served.ws)
    await client.request('watch', watch)
    client.socket.pause()
    await changeUntil(
      served,
      'the reader is behind',
      async () => (await metric(served, 'slotlock_outbox_behind_total')) > 0
    )
    const sentBefore = await metric(served, 'slotlock_pushes_total')
    for (let ver = 100_000; ver <= 100_200; ver++) {
      served.feed.emit({ kind: 'slots', calendar, rows: slots.map(slot => row(slot, ver)) })
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    t.ok((await metric(served, 'slotlock_pushes_total')) > sentBefore + 20, 'many ticks went by')
    t.ok((await metric(served, 'slotlock_outbox_unsent_bytes')) < outboxHardBytesMax, 'what waits is bounded')

    client.socket.resume()
    const known = new Map<SlotId, number>()
    let looked = 0
    await until(
      'the newest state has arrived',
      () => {
        const pushes = client.pushes('slots')
        for (const push of pushes.slice(looked)) {
          for (const state of push.slots as SlotState[]) {
            if ((known.get(state.slot as SlotId) ?? 0) < state.ver) known.set(state.slot as SlotId, state.ver)
          }
        }
        looked = pushes.length
        return slots.every(slot => known.get(slot) === 100_200)
      },
      30_000
    )
    const late = client.pushes('slots').filter(push => (push.slots as SlotState[])[0]!.ver >= 100_000)
    t.equal(late.length, 1, 'two hundred ticks became one message')

    served.feed.emit({ kind: 'slots', calendar, rows: [row(slots[0]!, 200_000)] })
    await client.next('slots', push => (push.slots as SlotState[])[0]!.ver === 200_000)
    t.pass('and it is back in the broadcast')
    await client.end()
  }
)

t.test(
  'the twin: without an outbox the buffer of a reader that stopped grows with everything sent',
  async t => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    await once(server, 'listening')
    const client = await WsClient.connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const [socket] = [...server.clients] as [WebSocket]
    client.socket.pause()
    const message = 'x'.repeat(200_000)
    for (let n = 0; n < 200; n++) {
      socket.send(message)
      await new Promise(resolve => setImmediate(resolve))
    }
    t.ok(
      socket.bufferedAmount > 10 * outboxHardBytesMax,
      `${socket.bufferedAmount} bytes wait, and nobody minds`
    )
    client.socket.terminate()
    server.close()
  }
)

t.test('past the bound of remembered states a reader is told goodbye and closed with 4008', async t => {
  const served = await serve(t, { timing })
  const client = await WsClient.open(served.ws)
  await client.request('watch', watch)
  client.socket.pause()
  await changeUntil(
    served,
    'the reader is behind',
    async () => (await metric(served, 'slotlock_outbox_behind_total')) > 0
  )
  const rows = Array.from({ length: outboxStatesMax + 1 }, (_, n) => row(slotId(n), 100_000))
  served.feed.emit({ kind: 'slots', calendar, rows })
  await until('it is closed', async () => (await metric(served, 'slotlock_outbox_closed_total')) === 1)
  client.socket.resume()
  t.match(await client.next('goodbye'), { reconnectInMs: Number })
  t.equal((await client.closed()).code, closeCodes.tooSlow)
})

t.test('a reader that stays behind for too long is closed with 4008', async t => {
  const served = await serve(t, { timing: { ...timing, behindMaxMs: 50 } })
  const client = await WsClient.open(served.ws)
  await client.request('watch', watch)
  client.socket.pause()
  await changeUntil(
    served,
    'it is closed',
    async () => (await metric(served, 'slotlock_outbox_closed_total')) === 1
  )
  const { values } = await served.metrics.outboxBounds.get()
  t.match(values, [{ labels: { bound: 'time' }, value: 1 }])
  client.socket.resume()
  t.equal((await client.closed()).code, closeCodes.tooSlow)
})

t.test(
  'answers count too: who asks and does not read is closed with 4008 and its memory stays bounded',
  async t => {
    const states = slots.map(slot => ({ slot, state: 'free' as const, ver: 1 }))
    const served = await serve(t, {
      timing,
      handlers: {
        readSlots: async (_caller, { calendar, from, to }) =>
          done({ calendar, from, to, timeZone: 'UTC', slots: states, selections: [], serverTime: 1 })
      }
    })
    const client = await WsClient.open(served.ws)
    client.socket.pause()
    let most = 0
    await until(
      'it is closed',
      async () => {
        for (let n = 0; n < 10; n++) client.send({ id: `n${n}`, type: 'watch', ...watch })
        most = Math.max(most, await metric(served, 'slotlock_outbox_unsent_bytes'))
        return (await metric(served, 'slotlock_outbox_closed_total')) === 1
      },
      30_000
    )
    const oneAnswer = JSON.stringify(states).length
    t.ok(most <= outboxHardBytesMax + 2 * oneAnswer, `${most} bytes at most`)
    client.socket.resume()
    t.equal((await client.closed()).code, closeCodes.tooSlow)
  }
)
