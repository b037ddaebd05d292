import t from 'tap'
import { type AuditEntry, auditTypes } from '../../src/domain/audit.js'
import { check } from '../../src/protocol/validate.js'
import { WebhookSchema, webhookTypes } from '../../src/protocol/webhooks.js'
import { auditTypesOf, bodyOf, messageIdOf, parseSeq } from '../../src/webhooks/event.js'
import { calendar, newBooking, newLock, newSession, slots } from '../stores/lock-store-fixture.js'

const session = newSession()
const entry: AuditEntry = {
  id: 17,
  type: 'revoked',
  at: Date.parse('2026-01-15T09:00:00.250Z'),
  calendar,
  slots: slots(1, 2),
  ver: 5,
  by: { role: 'staff', session: newSession(), address: '192.0.2.9' },
  owner: session,
  lock: newLock(),
  fence: 4,
  expiresAt: Date.parse('2026-01-15T09:10Z'),
  reason: 'the doctor is ill'
}

t.test('each change has its event, in the form that is documented', async t => {
  const types = auditTypes.map(type => bodyOf({ ...entry, type }).type)
  t.strictSame([...types].sort(), [...webhookTypes].sort())
  t.strictSame(auditTypesOf([]).sort(), [...auditTypes].sort(), 'no filter: all')
  t.strictSame(auditTypesOf(['booking.made', 'lock.held']), ['locked', 'booked'])
  const body = bodyOf(entry)
  t.match(body, { type: 'lock.revoked', timestamp: '2026-01-15T09:00:00.250Z' })
  t.match(body.data, { seq: 17, ver: 5, fence: 4, slots: slots(1, 2), actor: 'staff', lock: entry.lock })
  const { owner: _o, lock: _l, fence: _f, expiresAt: _e, reason: _r, ...closing } = entry
  const bodies = [
    body,
    bodyOf({ ...entry, type: 'booked', booking: newBooking() }),
    bodyOf({ ...closing, type: 'blocked' })
  ]
  for (const one of bodies) t.match(check(WebhookSchema, JSON.parse(JSON.stringify(one))), { ok: true })
})

t.test('a session is told by its public tag, and where staff sat by nothing', async t => {
  const text = JSON.stringify(bodyOf(entry))
  t.notMatch(text, session)
  t.notMatch(text, entry.by.session!)
  t.notMatch(text, '192.0.2.9')
})

t.test('an event is named by its packet and its number, and found again by either', async t => {
  const id = messageIdOf('aB_-9x0', 17)
  t.equal(id, 'evt_aB_-9x0_17')
  t.notOk(id.includes('.'), 'the signed text has full stops between its parts')
  t.equal(parseSeq(id), 17)
  t.equal(parseSeq('17'), 17)
  for (const text of ['', 'evt_17x', 'seventeen', '-1', '1.5', 'test_aB_17'])
    t.equal(parseSeq(text), undefined, text)
})
