import t from 'tap'
import { bucketOf, RedisKeys, sessionBuckets } from '../../../src/stores/redis/keys.js'
import { clinic, newSession, slotAt, viewer } from './lane.js'

t.test('all keys of a calendar carry one hash tag, and every name its prefix', async t => {
  const keys = new RedisKeys('slotlock:')
  const names = [
    keys.slot(clinic, slotAt(9)),
    keys.generation(clinic),
    keys.selection(clinic, viewer('anna')),
    keys.selections(clinic),
    keys.calendarEvents(clinic)
  ]
  t.strictSame(names, [
    'slotlock:{clinic}:lock:dr-lee/2026-01-15T09:00Z',
    'slotlock:{clinic}:gen',
    'slotlock:{clinic}:selection:anna',
    'slotlock:{clinic}:selections',
    'slotlock:{clinic}:events'
  ])
  for (const name of [keys.probe('a'), keys.definitionEvents(), keys.heartbeat('a')]) {
    t.ok(name.startsWith('slotlock:'), name)
  }
})

t.test('sessions spread over a bounded number of channels', async t => {
  const counts = new Map<number, number>()
  for (let i = 0; i < 20_000; i++) {
    const bucket = bucketOf(newSession())
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  t.ok(
    [...counts.keys()].every(bucket => Number.isInteger(bucket) && bucket >= 0 && bucket < sessionBuckets),
    'whole numbers from 0 to 1023'
  )
  t.ok(counts.size > sessionBuckets * 0.99, `${counts.size} buckets are used`)
  // about 19.5 each; far more in one would mean that the hash does not spread
  t.ok(Math.max(...counts.values()) < 60)
})

t.test('every instance and every version finds the same bucket', async t => {
  t.equal(bucketOf('AAAAAAAAAAAAAAAAAAAAAA' as ReturnType<typeof newSession>), 411)
})
