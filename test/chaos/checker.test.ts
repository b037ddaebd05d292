import t from 'tap'
import { check, excerpt } from './checker.js'
import type { HistoryEvent, LockRow } from './history.js'
import {
  booked,
  call,
  extended,
  granted,
  hook,
  look,
  otherSlot,
  refused,
  row,
  slot
} from './history-fixture.js'

const found = (rule: RegExp, events: HistoryEvent[]): string[] =>
  check(events)
    .filter(report => rule.test(report.rule))
    .flatMap(({ findings }) => findings.map(({ what }) => what))

const overlap = /at most one acknowledged holder/
const lost = /not lost while it lives/
const bookable = /a booking needs/
const replay = /sent again/
const fence = /fences grow/
const whole = /all or nothing/
const there = /is in the database/
const shut = /stays closed/
const stays = /no booking is lost/
const version = /names one state/
const fresh = /takes nothing back/
const sound = /fails by itself/
const toldHost = /told to the host/
const nothingElse = /nothing that did not happen/

t.test('two holders of one slot at once are found', async t => {
  t.equal(found(overlap, [granted('a', 0, 1_000), granted('b', 500, 1_000)]).length, 1)
  t.same(
    found(overlap, [granted('a', 0, 1_000), granted('b', 1_005, 1_000)]),
    [],
    'one after the other is fine'
  )
  t.same(
    found(overlap, [granted('a', 0, 1_000), granted('b', 500, 1_000, { slots: [otherSlot] })]),
    [],
    'and so are two slots'
  )
  t.equal(
    found(overlap, [granted('a', 0, 1_000), extended('a', 900, 1_000), granted('b', 1_300, 1_000)]).length,
    1,
    'an extension prolongs the hold'
  )
})

t.test('a hold ends for the checker when anybody may have ended it', async t => {
  const during = granted('b', 500, 1_000)
  const a = granted('a', 0, 2_000)
  for (const answer of ['OK', 'LOST', 'OUTCOME_UNKNOWN']) {
    for (const op of ['release', 'revoke', 'book'] as const)
      t.same(found(overlap, [a, refused(op, 'a', 400, answer), during]), [], `${op}: ${answer}`)
  }
  t.same(found(overlap, [a, granted('c', 400, 100, { replaces: 'a' }), during]), [], 'replaced')
  t.equal(
    found(overlap, [a, refused('release', 'a', 400, 'BUSY'), during]).length,
    1,
    'BUSY says that nothing was changed, and is held to it'
  )
})

t.test('a booking holds its slot until somebody asks to cancel it', async t => {
  const history = [granted('a', 0, 1_000), booked('one', 'a', 500)]
  const later = granted('b', 9_000, 1_000)
  t.equal(found(overlap, [...history, later]).length, 1)
  t.same(
    found(overlap, [
      ...history,
      call({ op: 'cancel', booking: 'one', sentAt: 8_000, receivedAt: 8_010, answer: 'LOST' }),
      later
    ]),
    []
  )
  t.equal(
    found(overlap, [...history, granted('b', 0, 1, { slots: [otherSlot] }), booked('two', 'b', 600)]).length,
    1,
    'two bookings of one slot'
  )
})

t.test('a slot that staff closed is a hold until somebody asks to open it', async t => {
  const close = (sentAt: number, state = 'blocked'): HistoryEvent =>
    call({ op: 'block', sentAt, receivedAt: sentAt + 10, result: { slots: [{ slot, state, ver: 1 }] } })
  const opened = (sentAt: number, answer = 'OK'): HistoryEvent =>
    call({ op: 'unblock', sentAt, receivedAt: sentAt + 10, slots: [slot], answer })
  const b = granted('b', 500, 1_000)
  t.equal(found(overlap, [close(0), b]).length, 1, 'granted over it')
  t.equal(found(overlap, [granted('a', 0, 1_000), close(300)]).length, 1, 'closed over a live lock')
  t.same(
    found(overlap, [granted('a', 0, 1_000), close(300, 'locked')]),
    [],
    'staff were told that it is held'
  )
  t.same(found(overlap, [close(0), opened(400), b]), [])
  t.same(found(overlap, [close(0), opened(400, 'LOST'), b]), [], 'it may be open')
  t.same(
    found(overlap, [opened(0, 'LOST'), close(100), b]),
    [],
    'an opening that got lost may still arrive, and open the next closing'
  )

  const blocked = look(200, { slots: [row('blocked', '')] })
  t.same(found(shut, [close(0), blocked]), [])
  t.equal(found(shut, [close(0), look(200, { slots: [row('free', '')] })]).length, 1)
  t.equal(found(shut, [close(0), look(200)]).length, 1)
  t.same(found(shut, [close(0), opened(100), look(200)]), [])
})

t.test('a lock that is refused while it lives is found', async t => {
  const a = granted('a', 0, 2_000)
  t.equal(found(lost, [a, refused('book', 'a', 500, 'LOCK_EXPIRED')]).length, 1)
  t.equal(found(lost, [a, refused('extend', 'a', 500, 'LOCK_EXPIRED')]).length, 1)
  t.equal(found(lost, [a, refused('book', 'a', 500, 'SLOT_UNAVAILABLE', { ifStillFree: true })]).length, 1)
  t.equal(
    found(lost, [
      a,
      call({
        op: 'lock',
        sentAt: 500,
        receivedAt: 510,
        replaces: 'a',
        requestId: 'c',
        answer: 'LOCK_EXPIRED'
      })
    ]).length,
    1,
    'also when it is to be replaced'
  )
  t.equal(
    found(lost, [a, refused('release', 'a', 5_000, 'LOCK_NOT_FOUND')]).length,
    1,
    'it never ceases to exist'
  )

  t.same(found(lost, [a, refused('book', 'a', 2_000, 'LOCK_EXPIRED')]), [], 'its time was over')
  t.same(
    found(lost, [a, refused('revoke', 'a', 400, 'LOST'), refused('book', 'a', 500, 'LOCK_EXPIRED')]),
    [],
    'revoked'
  )
  t.same(
    found(lost, [
      a,
      extended('a', 700, 2_000),
      refused('book', 'a', 1_980, 'LOCK_EXPIRED'),
      refused('book', 'a', 2_800, 'LOCK_EXPIRED')
    ]).length,
    1,
    'an extension counts once it was acknowledged'
  )
})

t.test('a refusal is not excused by an earlier attempt of the same request', async t => {
  const a = granted('a', 0, 2_000)
  const attempt = booked('one', 'a', 400, { answer: 'LOST', requestId: 'r' })
  t.equal(found(lost, [a, attempt, refused('book', 'a', 500, 'LOCK_EXPIRED', { requestId: 'r' })]).length, 1)
  t.same(
    found(lost, [a, attempt, refused('extend', 'a', 500, 'LOCK_EXPIRED')]),
    [],
    'it does excuse another one'
  )
})

t.test('a booking without a lock that lives is found', async t => {
  const a = granted('a', 0, 1_000)
  t.equal(found(bookable, [a, booked('one', 'a', 1_500)]).length, 1)
  t.equal(found(bookable, [a, refused('release', 'a', 200, 'OK'), booked('one', 'a', 500)]).length, 1)
  t.same(found(bookable, [a, booked('one', 'a', 1_500, { ifStillFree: true })]), [])
  t.same(
    found(bookable, [a, booked('one', 'a', 500, { answer: 'LOST' }), booked('one', 'a', 1_500)]),
    [],
    'it was asked for in time, and the answer came at the second attempt'
  )
  t.same(
    found(bookable, [a, refused('extend', 'a', 500, 'LOST'), booked('one', 'a', 1_500)]),
    [],
    'the lock may have been extended'
  )
  t.equal(
    found(bookable, [a, refused('revoke', 'a', 200, 'OK'), booked('one', 'a', 500, { ifStillFree: true })])
      .length,
    1,
    'a revoked lock stays revoked'
  )
})

t.test('a request that became two things, or a lock that rose again, is found', async t => {
  t.equal(
    found(replay, [
      granted('a', 0, 1_000, { requestId: 'r' }),
      granted('b', 2_000, 1_000, { requestId: 'r' })
    ]).length,
    1
  )
  const again = granted('a', 500, 600, { requestId: 'r' })
  t.same(found(replay, [granted('a', 0, 1_000, { requestId: 'r' }), again]), [])
  t.equal(
    found(replay, [granted('a', 0, 1_000, { requestId: 'r' }), refused('release', 'a', 300, 'OK'), again])
      .length,
    1
  )
})

t.test('a fence that does not grow is found', async t => {
  const a = granted('a', 0, 100, { fence: 7 })
  t.equal(found(fence, [a, granted('b', 200, 100, { fence: 7 })]).length, 1)
  t.equal(
    found(fence, [a, granted('b', 200, 100, { fence: 8 }), granted('c', 400, 100, { fence: 6 })]).length,
    1,
    'measured by the greatest so far'
  )
  t.same(
    found(fence, [a, granted('b', 5, 100, { fence: 6 })]),
    [],
    'of two at the same time either may be first'
  )
})

t.test('half a lock in the database is found', async t => {
  const lock: LockRow = { id: 'a', slots: [otherSlot, slot], state: 'held', ver: 1, expiresMs: 5_000 }
  const both = [row('locked', 'a'), row('locked', 'a', { slot: otherSlot })]
  t.same(found(whole, [look(0, { slots: both, locks: [lock] })]), [])
  t.equal(
    found(whole, [look(0, { slots: [row('locked', 'a')], locks: [lock] })]).length,
    1,
    'a slot is missing'
  )
  t.equal(found(whole, [look(0, { slots: both })]).length, 2, 'slots without their lock')
  t.equal(
    found(whole, [look(0, { slots: [row('booked', 'a')], bookings: [] })]).length,
    1,
    'a booked slot without its booking'
  )
  const bookings = ['one', 'two'].map(id => ({ id, lock: id, slots: [slot], state: 'booked' }))
  t.not(
    found(whole, [look(0, { slots: [row('booked', 'one')], bookings })]).length,
    0,
    'two bookings of one slot'
  )
})

t.test('a lock that is relied on and not in the database is found', async t => {
  const a = granted('a', 0, 2_000)
  t.same(found(there, [a, look(500, { slots: [row('locked', 'a')] })]), [])
  t.equal(found(there, [a, look(500, { slots: [row('free', 'a')] })]).length, 1)
  t.equal(found(there, [a, look(500)]).length, 1)
  t.same(found(there, [a, look(1_990)]), [], 'at its very end it may be gone')
  t.same(found(there, [a, refused('release', 'a', 400, 'LOST'), look(500)]), [], 'it may have been released')
})

t.test('a booking that is lost, changed, or cancelled by nobody is found', async t => {
  const history = [granted('a', 0, 2_000), booked('one', 'a', 500)]
  const bookings = [{ id: 'one', lock: 'a', slots: [slot], state: 'booked' }]
  const last = look(9_000, { last: true, bookings })
  t.same(found(stays, [...history, last]), [])
  t.equal(found(stays, [...history, { ...last, bookings: [] }]).length, 1)
  t.equal(
    found(stays, [...history, { ...last, bookings: [{ ...bookings[0]!, slots: [otherSlot] }] }]).length,
    1
  )
  const cancelled = { ...last, bookings: [{ ...bookings[0]!, state: 'cancelled' }] }
  t.equal(found(stays, [...history, cancelled]).length, 1)
  const cancel = call({ op: 'cancel', booking: 'one', sentAt: 600, receivedAt: 610 })
  t.same(found(stays, [...history, cancel, cancelled]), [])
  t.equal(found(stays, [...history, cancel, last]).length, 1, 'cancelled, and still there')
  t.equal(
    found(stays, [look(100, { bookings }), { ...last, bookings: [] }]).length,
    1,
    'one that nobody was told of'
  )
  t.equal(found(stays, history).length, 1, 'without a last look there is no verdict')
})

t.test('what watchers were told is compared with each other and with the database', async t => {
  const push = (watcher: string, state: string, ver: number, more: object = {}): HistoryEvent => ({
    ...{ kind: 'push', watcher, instance: 0, at: 100, slots: [{ slot, state, ver }] },
    ...more
  })
  t.equal(found(version, [push('one', 'locked', 7), push('two', 'free', 7)]).length, 1)
  t.equal(found(version, [push('one', 'locked', 1), look(0, { slots: [row('free', '')] })]).length, 1)
  t.same(found(version, [push('one', 'locked', 7), push('two', 'free', 8)]), [])

  const old = push('two', 'locked', 7, { askedAt: 200, at: 210 })
  const shown = push('one', 'free', 8)
  t.equal(found(fresh, [shown, old]).length, 1)
  t.same(found(fresh, [push('one', 'free', 8, { at: 205 }), old]), [], 'it was shown after the question')
  const elsewhere = push('one', 'free', 8, { instance: 1 })
  t.same(found(fresh, [elsewhere, old]), [], 'another instance may not have heard of it yet')
  const later = push('two', 'locked', 7, { askedAt: 10_000, at: 10_010 })
  t.equal(found(fresh, [elsewhere, later]).length, 1, 'after a while it has')
  t.same(
    found(fresh, [shown, old, { kind: 'fault', name: 'mariadb frozen', from: 150, to: 300 }]),
    [],
    'while the database is out an old snapshot is better than none'
  )
})

t.test('a crash, an INTERNAL answer and an alarming line of a log are found', async t => {
  const exit: HistoryEvent = { kind: 'exit', instance: 0, at: 0, code: 1, signal: null, wanted: undefined }
  t.equal(found(sound, [exit]).length, 1)
  t.same(found(sound, [{ ...exit, code: null, signal: 'SIGKILL', wanted: 'killed' }]), [])
  t.equal(found(sound, [{ ...exit, wanted: 'stopped' }]).length, 1, 'who is asked to stop ends with 0')
  t.same(found(sound, [{ ...exit, wanted: 'stopped', code: 0 }]), [])
  t.equal(found(sound, [refused('book', 'a', 0, 'INTERNAL')]).length, 1)
  t.equal(found(sound, [{ kind: 'log', instance: 0, at: 0, line: 'unhandled' }]).length, 1)
  t.equal(
    found(/memory/, [{ kind: 'memory', instance: 0, at: 0, rssBytes: 2 ** 40 }]).length,
    1,
    'and so is memory that has no bound'
  )
  t.equal(
    found(/in the end/, [{ kind: 'aftermath', at: 0, convergedAfterMs: 1, looks: 1, problems: ['no'] }])
      .length,
    1,
    'and whatever did not agree in the end'
  )
})

t.test('what was acknowledged and never taken by the host is found', async t => {
  const story = [
    granted('a', 0, 2_000),
    extended('a', 100, 3_000),
    booked('one', 'a', 500),
    call({ op: 'cancel', booking: 'one', sentAt: 600, receivedAt: 610 }),
    granted('b', 700, 100, { slots: [otherSlot] })
  ]
  const last = look(9_000, { last: true })
  const hooks = [
    hook('lock.held', 'a'),
    hook('lock.extended', 'a'),
    hook('booking.made', 'a', { booking: 'one' }),
    hook('booking.cancelled', 'a', { booking: 'one' }),
    hook('lock.held', 'b', { slots: [otherSlot] }),
    hook('lock.expired', 'b', { slots: [otherSlot] })
  ]
  t.same(found(toldHost, [...story, ...hooks, last]), [])
  for (const [index, lost] of hooks.entries()) {
    const others = hooks.filter(other => other !== lost)
    const findings = found(toldHost, [...story, ...others, last])
    // a booking that nobody is told of is also a lock of which nobody knows how it ended
    t.equal(findings.length, lost.type === 'booking.made' ? 2 : 1, `without ${lost.type}, number ${index}`)
    const refused = hooks.map(other => (other === lost ? { ...other, taken: false } : other))
    t.not(found(toldHost, [...story, ...refused, last]).length, 0, 'refused and never sent again is as bad')
  }
  const held: LockRow = { id: 'b', slots: [otherSlot], state: 'held', ver: 1, expiresMs: 5_000 }
  t.same(
    found(toldHost, [...story, ...hooks.slice(0, -1), { ...last, locks: [held] }]),
    [],
    'what has not ended need not be told'
  )
  const closing = call({
    op: 'block',
    sentAt: 0,
    receivedAt: 5,
    result: { slots: [{ slot, state: 'blocked', ver: 1 }] }
  })
  t.equal(found(toldHost, [closing, hook('lock.held', 'x'), last]).length, 1)
  t.same(found(toldHost, [closing, { ...hook('slots.blocked', 'x'), slots: [slot, otherSlot] }, last]), [])
})

t.test('a webhook of what was never committed, or of another thing, is found', async t => {
  const lock: LockRow = { id: 'a', slots: [slot], state: 'booked', ver: 1, expiresMs: 5_000 }
  const booking = { id: 'one', lock: 'a', slots: [slot], state: 'booked' }
  const last = look(9_000, { last: true, locks: [lock], bookings: [booking] })
  const of = (...hooks: HistoryEvent[]): string[] => found(nothingElse, [...hooks, last])
  const made = hook('booking.made', 'a', { booking: 'one' })
  t.same(of(hook('lock.held', 'a'), made, made), [], 'twice is allowed')
  t.same(of(hook('lock.expired', 'a')), [], 'it may have been booked after its end')
  t.equal(of(hook('lock.held', 'b')).length, 1, 'a lock that nobody got')
  t.equal(of(hook('lock.held', 'a', { slots: [otherSlot] })).length, 1, 'other slots')
  t.equal(of(hook('lock.revoked', 'a')).length, 1, 'another end')
  t.equal(of(hook('booking.made', 'a', { booking: 'two' })).length, 1, 'a booking that is not there')
  t.equal(of(hook('booking.cancelled', 'a', { booking: 'one' })).length, 1, 'one that is not cancelled')
  t.equal(of({ ...hook('lock.held', 'a'), id: made.id }, made).length, 1, 'one id for two events')
})

t.test('the story of a finding has its calls and the faults of that time, in order', async t => {
  const events: HistoryEvent[] = [
    { kind: 'fault', name: 'redis flushed', from: 300, to: 301 },
    granted('a', 0, 1_000),
    granted('b', 500, 1_000)
  ]
  const [report] = check(events)
  const lines = excerpt(report!.findings[0]!.calls!, events)
  t.equal(lines.length, 3)
  t.match(lines[0], /lock .* -> OK a held/)
  t.match(lines[1], /redis flushed/)
  t.match(lines[2], /-> OK b held/)
})
