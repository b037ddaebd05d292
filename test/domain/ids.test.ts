import fc from 'fast-check'
import t from 'tap'
import {
  parseCalendarId,
  parseLocalDate,
  parseLockId,
  parseSlotId,
  type ResourceId,
  type SlotId,
  slotIdOf,
  sortedSlots
} from '../../src/domain/ids.js'

const nameHead = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789')
const nameTail = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-'),
  maxLength: 62
})
const resources = fc.tuple(nameHead, nameTail).map(([head, tail]) => `${head}${tail}` as ResourceId)
const minuteMs = 60_000
const starts = fc
  .integer({
    min: Date.parse('0000-01-01T00:00Z') / minuteMs,
    max: Date.parse('9999-12-31T23:59Z') / minuteMs
  })
  .map(minutes => minutes * minuteMs)

t.test('a slot id says which resource and when, and is made of nothing else', async t => {
  t.strictSame(parseSlotId('dr-lee/2026-01-15T14:00Z'), {
    id: 'dr-lee/2026-01-15T14:00Z',
    resource: 'dr-lee',
    startMs: Date.UTC(2026, 0, 15, 14)
  })
  fc.assert(
    fc.property(resources, starts, (resource, startMs) => {
      const parsed = parseSlotId(slotIdOf(resource, startMs))
      return parsed !== undefined && parsed.resource === resource && parsed.startMs === startMs
    })
  )
})

t.test('one instant has one spelling: whatever is accepted is spelt as slotIdOf spells it', async t => {
  for (const other of [
    'dr-lee/2026-01-15T14:00:00Z',
    'dr-lee/2026-01-15T14:00:00.000Z',
    'dr-lee/2026-01-15T14:00+00:00',
    'dr-lee/2026-01-15T15:00+01:00',
    'dr-lee/2026-01-15t14:00z',
    'dr-lee/2026-01-15 14:00Z',
    'dr-lee/2026-01-15T14:00',
    'dr-lee/2026-02-30T10:00Z',
    'dr-lee/2026-01-14T24:00Z',
    'dr-lee/2026-01-15T14:60Z',
    'dr-lee/2026-13-01T14:00Z',
    'dr-lee/+002026-01-15T14:00Z',
    'Dr-lee/2026-01-15T14:00Z',
    'dr-lee//2026-01-15T14:00Z',
    ' dr-lee/2026-01-15T14:00Z',
    'dr-lee/2026-01-15T14:00Z\n',
    '-lee/2026-01-15T14:00Z',
    '/2026-01-15T14:00Z',
    '2026-01-15T14:00Z',
    `${'a'.repeat(64)}/2026-01-15T14:00Z`,
    ''
  ]) {
    t.equal(parseSlotId(other), undefined, JSON.stringify(other))
  }
  const digits = (length: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: length, maxLength: length })
  const nearly = fc
    .tuple(resources, digits(4), digits(2), digits(2), digits(2), digits(2))
    .map(
      ([resource, year, month, day, hour, minute]) => `${resource}/${year}-${month}-${day}T${hour}:${minute}Z`
    )
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string()), text => {
      const parsed = parseSlotId(text)
      return (
        parsed === undefined || (parsed.id === text && slotIdOf(parsed.resource, parsed.startMs) === text)
      )
    }),
    { numRuns: 2_000 }
  )
})

t.test('one character changed in a slot id makes another slot or none, never the same', async t => {
  fc.assert(
    fc.property(
      resources,
      starts,
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      (resource, startMs, at, character) => {
        const id = slotIdOf(resource, startMs)
        const place = at % id.length
        const changed = `${id.slice(0, place)}${character}${id.slice(place + 1)}`
        const parsed = parseSlotId(changed)
        return (
          changed === id || parsed === undefined || parsed.startMs !== startMs || parsed.resource !== resource
        )
      }
    )
  )
  t.pass('for all of them')
})

t.test('a local date is a day that a calendar has', async t => {
  t.equal(parseLocalDate('2028-02-29'), '2028-02-29')
  for (const text of [
    '2026-02-29',
    '2026-04-31',
    '2026-00-10',
    '2026-1-1',
    '20260101',
    '2026-01-01T00:00',
    ''
  ]) {
    t.equal(parseLocalDate(text), undefined, text)
  }
})

t.test('names and opaque ids keep to their characters and lengths', async t => {
  t.ok(parseCalendarId('a'))
  t.ok(parseCalendarId('0'.repeat(63)))
  for (const text of ['', '-a', 'A', 'a_b', 'a'.repeat(64), 'a\n', 'ä', 'a/b', '{a}']) {
    t.equal(parseCalendarId(text), undefined, JSON.stringify(text))
  }
  t.ok(parseLockId('AZaz09_-AZaz09_-AZaz09'))
  for (const text of ['', 'a'.repeat(21), 'a'.repeat(23), `${'a'.repeat(21)}=`, `${'a'.repeat(22)}\n`]) {
    t.equal(parseLockId(text), undefined, JSON.stringify(text))
  }
})

t.test('the same slots in any order are taken in the same order', async t => {
  fc.assert(
    fc.property(fc.array(fc.tuple(resources, starts), { maxLength: 32 }), fc.nat(), (parts, turn) => {
      const slots = parts.map(([resource, startMs]) => slotIdOf(resource, startMs))
      const at = slots.length === 0 ? 0 : turn % slots.length
      const turned: SlotId[] = [...slots.slice(at), ...slots.slice(0, at)].reverse()
      return JSON.stringify(sortedSlots(slots)) === JSON.stringify(sortedSlots(turned))
    })
  )
  const given = ['b/2026-01-15T14:00Z', 'a/2026-01-15T14:00Z'] as SlotId[]
  t.strictSame(sortedSlots(given), ['a/2026-01-15T14:00Z', 'b/2026-01-15T14:00Z'])
  t.strictSame(given[0], 'b/2026-01-15T14:00Z', 'and what was given stays as it was')
})
