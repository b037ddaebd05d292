import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import {
  addressGroup,
  type CountSharing,
  MessageLimit,
  perMinute,
  TokenBucket,
  windowLimit
} from '../../src/transport/limits.js'

t.test('a bucket gives a burst, then as much as has come since', t => {
  const bucket = new TokenBucket(10, 3, 0)
  t.strictSame([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)], [true, true, true, false])
  t.equal(bucket.waitMs(), 100)
  t.equal(bucket.take(99), false)
  t.equal(bucket.take(100), true)
  t.strictSame(
    [bucket.take(1e9), bucket.take(1e9), bucket.take(1e9), bucket.take(1e9)],
    [true, true, true, false]
  )
  t.end()
})

const verdicts = (perSecond: number, sentPerSecond: number, seconds: number): Set<string> => {
  const limit = new MessageLimit(perSecond, 0)
  const heard = new Set<string>()
  for (let n = 0; n < sentPerSecond * seconds; n++) heard.add(limit.take((n * 1_000) / sentPerSecond).verdict)
  return heard
}

t.test(
  'who keeps to the rate is never refused; half again too much is refused for ever; ten times as much is a flood',
  t => {
    t.strictSame([...verdicts(20, 20, 600)], ['ALLOWED'])
    t.strictSame([...verdicts(20, 30, 600)], ['ALLOWED', 'REFUSED'])
    t.ok(verdicts(20, 200, 10).has('FLOOD'))
    t.end()
  }
)

t.test('an address is counted by what one household has', t => {
  t.equal(addressGroup('192.0.2.7'), '192.0.2.7')
  t.equal(addressGroup('::ffff:192.0.2.7'), '192.0.2.7')
  t.equal(addressGroup('2001:db8:1:2:3:4:5:6'), addressGroup('2001:db8:1:2::9'))
  t.not(addressGroup('2001:db8:1:2::9'), addressGroup('2001:db8:1:3::9'))
  t.equal(addressGroup('2001:db8::1'), '2001:db8:0:0::/64')
  t.equal(addressGroup('::1'), '0:0:0:0::/64')
  t.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64')
  t.end()
})

t.test('a minute has so many requests per address, and 0 is off', async t => {
  const limiter = perMinute(2)
  t.match(await limiter.take('192.0.2.1'), { allowed: true, max: 2, remaining: 1 })
  t.match(await limiter.take('192.0.2.1'), { allowed: true, remaining: 0 })
  t.match(await limiter.take('192.0.2.1'), { allowed: false, remaining: 0, resetInMs: Number })
  t.match(await limiter.take('192.0.2.2'), { allowed: true })
  t.equal(await perMinute(0).take('192.0.2.1'), undefined)
})

t.test('an address that is refused stays refused, however many others come by', async t => {
  const limiter = perMinute(1, { groupsMax: 3 })
  const busy = '192.0.2.1'
  t.match(await limiter.take(busy), { allowed: true })
  for (let n = 0; n < 20; n++) {
    t.match(await limiter.take(`198.51.100.${n}`), { allowed: true })
    t.match(await limiter.take(busy), { allowed: false }, `after ${n + 1} others`)
  }
  t.match(await limiter.take('198.51.100.19'), { allowed: false }, 'one of the last is known')
  t.match(await limiter.take('198.51.100.0'), { allowed: true }, 'one that was silent for long is forgotten')
})

t.test(
  'what the others counted in a window that is just over, or of somebody forgotten, is no count',
  async t => {
    const answers: ((count: { total: number; leftMs: number }) => void)[] = []
    const sharing: CountSharing = { add: (_, learn) => void answers.push(learn) }
    const limiter = windowLimit({ name: 'x', max: 5, windowMs: 600_000, groupsMax: 1, sharing })
    await limiter.take('ann')
    answers[0]!({ total: 5, leftMs: 0 })
    await nextTurn()
    t.match(await limiter.take('ann'), { allowed: true, remaining: 3 })
    await limiter.take('bob')
    answers[0]!({ total: 5, leftMs: 600_000 })
    await nextTurn()
    t.match(await limiter.take('ann'), { allowed: true, remaining: 4 }, 'counted anew, like anybody')
  }
)

t.test('who is refused has taken nothing, and what is given back can be taken again', async t => {
  const limiter = windowLimit({ name: 'slots', max: 10, windowMs: 60_000 })
  t.match(await limiter.take('ann', 8), { allowed: true, remaining: 2 })
  t.match(await limiter.take('ann', 3), { allowed: false, remaining: 2 })
  t.match(await limiter.take('ann', 2), { allowed: true, remaining: 0 })
  await limiter.giveBack('ann', 8)
  t.match(await limiter.take('ann', 8), { allowed: true, remaining: 0 })
  await limiter.giveBack('bob', 5)
  t.match(await limiter.take('bob', 11), { allowed: false }, 'who took nothing has nothing to give back')
})

t.test(
  'what other instances counted is counted here as soon as it is known, and never less than our own',
  async t => {
    const told: { name: string; by: number; learn: (count: { total: number; leftMs: number }) => void }[] = []
    const sharing: CountSharing = { add: ({ name, by }, learn) => void told.push({ name, by, learn }) }
    const limiter = windowLimit({ name: 'requests', max: 5, windowMs: 60_000, sharing })
    await limiter.take('ann')
    t.match(told, [{ name: 'requests:ann', by: 1 }])
    told[0]!.learn({ total: 4, leftMs: 30_000 })
    await nextTurn()
    t.match(await limiter.take('ann'), { allowed: true, remaining: 0 })
    t.match(await limiter.take('ann'), { allowed: false })
    t.equal(told.length, 2, 'what was refused is told to nobody')
    told[1]!.learn({ total: 1, leftMs: 30_000 })
    await nextTurn()
    t.match(await limiter.take('ann'), { allowed: false })
    await limiter.giveBack('ann')
    t.match(told[2], { by: -1 })
  }
)
