import t from 'tap'
import type { CalendarId, SessionId } from '../../src/domain/ids.js'
import { Hub } from '../../src/transport/hub.js'
import { Metrics } from '../../src/transport/metrics.js'
import type { Changes } from '../../src/transport/outbox.js'
import { until } from '../helpers/process.js'
import { calendar, lockRecord, row, ScriptedFeed, slotId } from './fixture.js'

/** Remembers the very buffers it was given. */
class Reader {
  readonly frames: Buffer[] = []
  readonly forgotten: CalendarId[] = []
  readonly outbox = {
    send: (frame: Buffer) => void this.frames.push(frame),
    broadcast: (_calendar: CalendarId, frames: readonly Buffer[], _changes: Changes) =>
      void this.frames.push(...frames),
    forget: (id: CalendarId) => void this.forgotten.push(id)
  }

  /** The messages in what it was given; several may share a buffer. */
  get messages(): Record<string, unknown>[] {
    const all = Buffer.concat(this.frames)
    const messages: Record<string, unknown>[] = []
    for (let at = 0; at < all.length; ) {
      const short = all[at + 1]!
      const [start, length] =
        short === 127
          ? [10, Number(all.readBigUInt64BE(at + 2))]
          : short === 126
            ? [4, all.readUInt16BE(at + 2)]
            : [2, short]
      messages.push(JSON.parse(all.subarray(at + start, at + start + length).toString()))
      at += start + length
    }
    return messages
  }
}

function scene(
  t: { teardown(end: () => void): void },
  tickMs: number
): { hub: Hub<Reader>; feed: ScriptedFeed } {
  const feed = new ScriptedFeed()
  const metrics = new Metrics({ defaults: false })
  const hub = new Hub<Reader>({
    feed,
    metrics,
    tickMs,
    views: {
      slotState: ({ slot, state, ver }) => ({ slot, state, ver }),
      lockView: lock => ({ ...lock, by: 'tag', expiresInMs: 1, extendableUntil: 2 }),
      selectionView: ({ viewer, slot, seq }) => ({ viewer, slot, seq, expiresInMs: 1 })
    }
  })
  t.teardown(() => {
    hub.close()
    metrics.close()
  })
  return { hub, feed }
}

t.test('a hundred changes of one turn are one frame, the same bytes for every reader', async t => {
  const { hub, feed } = scene(t, 10)
  const readers = [new Reader(), new Reader(), new Reader()]
  for (const reader of readers) hub.watch(reader, calendar)
  for (let n = 0; n < 100; n++) feed.emit({ kind: 'slots', calendar, rows: [row(slotId(n), n + 1)] })
  await until('it was delivered', () => readers[0]!.frames.length > 0)
  const [first, ...others] = readers
  t.equal(first!.frames.length, 1)
  t.equal((first!.messages[0]!.slots as unknown[]).length, 100)
  for (const other of others) t.equal(other.frames[0], first!.frames[0], 'not even copied')
})

t.test(
  'within a turn the newest state of a slot and of a viewer stands, whatever order they come in',
  async t => {
    const { hub, feed } = scene(t, 10)
    const reader = new Reader()
    hub.watch(reader, calendar)
    const viewer = 'v' as never
    for (const ver of [3, 5, 4]) feed.emit({ kind: 'slots', calendar, rows: [row(slotId(0), ver)] })
    for (const seq of [2, 9, 8]) {
      feed.emit({
        kind: 'selection',
        calendar,
        selection: { calendar, viewer, slot: slotId(seq), seq, expiresAt: 0 }
      })
    }
    await until('it was delivered', () => reader.frames.length > 0)
    t.equal(reader.frames.length, 1, 'slots and hovers share one write')
    t.match(reader.messages, [
      { type: 'slots', slots: [{ ver: 5 }] },
      { type: 'selections', selections: [{ seq: 9, slot: slotId(9) }] }
    ])
    t.equal((reader.messages[0]!.slots as unknown[]).length, 1)
  }
)

t.test(
  'after the first message what changes within a tick waits for its end and leaves together',
  async t => {
    const { hub, feed } = scene(t, 400)
    const reader = new Reader()
    hub.watch(reader, calendar)
    feed.emit({ kind: 'slots', calendar, rows: [row(slotId(0), 1)] })
    await until('the first left at once', () => reader.frames.length === 1)
    for (let n = 1; n <= 20; n++) {
      feed.emit({ kind: 'slots', calendar, rows: [row(slotId(n), n)] })
      await new Promise(resolve => setImmediate(resolve))
    }
    await until('the tick is over', () => reader.frames.length > 1)
    t.equal(reader.frames.length, 2)
    t.equal((reader.messages[1]!.slots as unknown[]).length, 20)
  }
)

t.test('the feed is asked for a calendar and a session once, and let go of with the last reader', async t => {
  const { hub, feed } = scene(t, 10)
  const [one, two] = [new Reader(), new Reader()]
  const session = 's' as SessionId
  for (const reader of [one, two]) {
    hub.enter(reader, session, true)
    hub.watch(reader, calendar)
    hub.watch(reader, calendar)
  }
  t.strictSame([feed.watched.get(calendar), feed.attached.get(session), hub.watchers], [1, 1, 2])
  hub.unwatch(one, calendar)
  hub.unwatch(one, calendar)
  hub.leave(one, session)
  hub.leave(one, session)
  t.strictSame([feed.watched.get(calendar), feed.attached.get(session)], [1, 1])
  feed.emit({ kind: 'lock', lock: lockRecord(session) })
  await until('its owner is told', () => two.frames.length > 0)
  t.equal(one.frames.length, 0)
  t.match(two.messages, [{ type: 'lock', lock: { state: 'held' } }])
  hub.unwatch(two, calendar)
  hub.leave(two, session)
  t.strictSame([feed.watched.get(calendar), feed.attached.get(session)], [0, 0])
  t.strictSame(two.forgotten, [calendar])
})

t.test('who leaves between a change and its delivery is not written to', async t => {
  const { hub, feed } = scene(t, 10)
  const [gone, here] = [new Reader(), new Reader()]
  hub.watch(gone, calendar)
  hub.watch(here, calendar)
  feed.emit({ kind: 'slots', calendar, rows: [row(slotId(0), 1)] })
  hub.unwatch(gone, calendar)
  await until('it was delivered', () => here.frames.length > 0)
  t.equal(gone.frames.length, 0)
})
