import t from 'tap'
import { done } from '../../src/service/answers/refusal.js'
import { outboxHardBytesMax } from '../../src/transport/settings.js'
import { WsClient } from '../helpers/ws-client.js'
import { serve, slotId } from './fixture.js'

/** Readers that are too slow: test/faults/50-slow-reader.test.ts. */

const watch = { calendar: 'demo', from: '2030-01-01', to: '2030-01-02' }

t.test('a single answer larger than the bound reaches a reader that keeps up', async t => {
  const states = Array.from({ length: 20_000 }, (_, n) => ({
    slot: slotId(n),
    state: 'free' as const,
    ver: 1
  }))
  const served = await serve(t, {
    handlers: {
      readSlots: async (_caller, { calendar, from, to }) =>
        done({ calendar, from, to, timeZone: 'UTC', slots: states, selections: [], serverTime: 1 })
    }
  })
  t.ok(JSON.stringify(states).length > outboxHardBytesMax)
  const client = await WsClient.open(served.ws)
  const { result } = await client.request('watch', watch)
  t.equal((result!.slots as unknown[]).length, 20_000)
  await client.end()
})
