import type { Redis } from 'ioredis'
import t from 'tap'
import { defineScript, readBindings } from '../../../src/stores/redis/script.js'
import { slotsUnreserve } from '../../../src/stores/redis/scripts.js'
import { RedisServer } from '../../helpers/redis.js'

const reply = { UNRESERVED: () => ({ status: 'UNRESERVED' as const }) }
const keys = ['...slot_keys'] as const
const args = ['lock', 'tombstone_ms'] as const

t.test('arguments that changed places are refused when the script is loaded, with both lists', async t => {
  t.throws(() => defineScript('slots_unreserve', { keys, args: ['tombstone_ms', 'lock'], reply }), {
    message:
      'lua/slots_unreserve.lua binds ARGV as [lock, tombstone_ms] but the caller sends [tombstone_ms, lock]'
  })
})

t.test('so are a key that is missing, and a list that is taken for one value', async t => {
  t.throws(() => defineScript('slots_unreserve', { keys: [], args, reply }), {
    message: 'lua/slots_unreserve.lua binds KEYS as [...slot_keys] but the caller sends []'
  })
  t.throws(() => defineScript('slots_unreserve', { keys: ['slot_keys'], args, reply }), {
    message: 'lua/slots_unreserve.lua binds KEYS as [...slot_keys] but the caller sends [slot_keys]'
  })
})

t.test('so is a status word that only one side knows', async t => {
  const more = { ...reply, LATE: () => ({ status: 'LATE' as const }) }
  t.throws(() => defineScript('slots_unreserve', { keys, args, reply: more }), {
    message: 'lua/slots_unreserve.lua returns [UNRESERVED] but the caller expects [LATE, UNRESERVED]'
  })
  t.throws(() => defineScript('slots_unreserve', { keys, args, reply: {} }), {
    message: 'lua/slots_unreserve.lua returns [UNRESERVED] but the caller expects []'
  })
})

t.test('a script may not read KEYS or ARGV past its binding lines, nor bind them out of order', async t => {
  t.throws(() => readBindings('x', "redis.call('GET', KEYS[1])"), {
    message: "lua/x.lua reads KEYS or ARGV outside of its binding lines: redis.call('GET', KEYS[1])"
  })
  t.throws(() => readBindings('x', 'local lock = ARGV[2] -- string: the lock'), {
    message: 'lua/x.lua binds lock to ARGV[2] out of order'
  })
  t.throws(
    () => readBindings('x', 'local lock = ARGV[1]'),
    /outside of its binding lines/,
    'without a word on it'
  )
})

t.test('a script that the server does not know is sent whole, and from then on by its name', async t => {
  const server = await RedisServer.start(t)
  const redis = server.client()
  const run = () => slotsUnreserve.run(redis, { slot_keys: ['a'] }, { lock: 'l', tombstone_ms: 1 })
  const calls = async (command: string): Promise<number> =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0)
  for (const forget of [async () => {}, () => redis.script('FLUSH'), () => server.restart()]) {
    await forget()
    await t.resolves(
      // a plain client may be about to reconnect
      (async () => {
        while ((await run().catch(() => undefined)) === undefined);
      })()
    )
    const before = await calls('eval')
    t.strictSame(await run(), { status: 'UNRESERVED', count: 0 })
    t.equal(await calls('eval'), before, 'it was known by then')
  }
})

t.test('an answer that is none of the script is a contract error', async t => {
  for (const answer of [['NONSENSE'], [], 'UNRESERVED', null, ['toString'], [1], ['UNRESERVED', 'many']]) {
    const redis = { evalsha: async () => answer } as unknown as Redis
    await t.rejects(
      slotsUnreserve.run(redis, { slot_keys: ['a'] }, { lock: 'l', tombstone_ms: 1 }),
      { code: 'STORE_CONTRACT' },
      JSON.stringify(answer)
    )
  }
})

t.test('any other error of the server is not answered by sending the script again', async t => {
  let sent = 0
  const redis = {
    evalsha: async () => {
      sent++
      throw new Error('OOM command not allowed')
    },
    eval: async () => {
      sent++
    }
  } as unknown as Redis
  await t.rejects(slotsUnreserve.run(redis, { slot_keys: ['a'] }, { lock: 'l', tombstone_ms: 1 }), /OOM/)
  t.equal(sent, 1)
})
