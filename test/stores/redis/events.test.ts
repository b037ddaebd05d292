import t from 'tap'
import type { LiveEvent } from '../../../src/domain/fast-lane.js'
import { decodeEvent, encodeEvent } from '../../../src/stores/redis/events.js'
import { clinic, lockedRow, lockRecord, newLock, newSession, row, slotAt, viewer } from './lane.js'

const selection = { calendar: clinic, viewer: viewer('anna'), slot: slotAt(9), seq: 5, expiresAt: 6 }
const events: LiveEvent[] = [
  { kind: 'slots', calendar: clinic, rows: [row(slotAt(9), 5), lockedRow(slotAt(10), 6, newLock(), 7)] },
  { kind: 'selection', calendar: clinic, selection },
  { kind: 'selection', calendar: clinic, selection: { ...selection, slot: null } },
  { kind: 'lock', lock: { ...lockRecord(newSession()), reason: 'a mistake', address: '::1' } },
  { kind: 'calendar', calendar: clinic }
]

t.test('every event comes out as it went in', async t => {
  for (const event of events) {
    t.strictSame(decodeEvent(encodeEvent('here', event)), { from: 'here', event })
  }
})

t.test('an event that lacks any one of its fields is none', async t => {
  for (const event of events) {
    for (const path of paths(JSON.parse(JSON.stringify(event)))) {
      if (['reason', 'address'].includes(path.at(-1)!)) continue
      const broken = JSON.parse(encodeEvent('here', event))
      let at = broken.event
      for (const step of path.slice(0, -1)) at = at[step]
      delete at[path.at(-1)!]
      t.equal(decodeEvent(JSON.stringify(broken)), undefined, `${event.kind} without ${path.join('.')}`)
    }
  }
})

t.test('what is no message at all is none', async t => {
  const texts = [
    '',
    'nonsense',
    'null',
    '1',
    '[]',
    '{}',
    '{"from":"here"}',
    '{"from":1,"event":{"kind":"calendar"}}'
  ]
  for (const text of texts) t.equal(decodeEvent(text), undefined, text)
  t.equal(decodeEvent(JSON.stringify({ from: 'here', event: { kind: 'new', calendar: clinic } })), undefined)
})

/** The way to each field of an object, those of its parts included. */
function paths(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, part]) =>
    Array.isArray(value)
      ? paths(part).map(path => [key, ...path])
      : [[key], ...paths(part).map(path => [key, ...path])]
  )
}
