import t from 'tap'
import { WsClient } from '../helpers/ws-client.js'
import { serve } from './fixture.js'

t.test('hello opens a session, and with its token resumes it', async t => {
  const { ws } = await serve(t)
  const first = await WsClient.open(ws)
  t.equal(first.socket.protocol, 'slotlock.v1')
  t.match(first.session, {
    resumed: false,
    role: 'visitor',
    service: 'normal',
    limits: { slotsPerLockMax: 32 }
  })
  await first.end()
  const again = await WsClient.open(ws, String(first.session.token))
  t.match(again.session, { resumed: true, session: first.session.session, token: first.session.token })
  await again.end()
})
