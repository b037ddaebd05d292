import { Redis } from 'ioredis'
import t from 'tap'
import { runCli } from '../helpers/instance.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { Clinic, calendar, soon } from './clinic.js'
import { askHttp, Visitor } from './visitor.js'

t.setTimeout(300_000)

const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!

t.test('staff are signed in and out at every instance, whatever is out', async t => {
  const mariadb = await MariadbServer.start()
  t.teardown(() => mariadb.stop())
  const world = await startWorld(t, redisAndSql, { mariadb })
  const clinic = new Clinic(t, world)
  await clinic.open()
  const { a, b, redis } = world
  const staffAt = async (at: typeof a, token: string): Promise<string> => {
    const reply = await askHttp(at, 'staffLocks', { calendar }, token)
    return reply.ok ? 'in' : reply.error.code
  }
  const comesOut = (at: typeof a, token: string): Promise<true> =>
    soon(async () => (await staffAt(at, token)) === 'UNAUTHENTICATED' || undefined)
  const staffToken = (): string => world.tokenOf('staff', [calendar])
  const early = staffToken()

  await t.test('a word on Redis that is not true ends nobody’s session', async t => {
    const staff = await Visitor.open(t, 'ws', b, early)
    const stranger = new Redis(redis!.url)
    t.teardown(() => stranger.disconnect())
    const word = { from: 'stranger', event: { kind: 'revocation', session: staff.session.session } }
    t.equal(await stranger.publish('slotlock:revocations', JSON.stringify(word)), 2, 'both heard it')
    await staff.must('staffLocks', { calendar })
    t.equal(await staffAt(a, early), 'in')
  })

  await t.test(
    'slotlock revoke takes a token or the id of a session, and the instances hear of it',
    async t => {
      const [one, other] = [staffToken(), staffToken()]
      const board = await Visitor.open(t, 'ws', b, other)
      t.equal(await staffAt(a, one), 'in')
      for (const name of [one, board.session.session]) {
        const { code, stdout } = await runCli(['revoke', name], world.settings)
        t.equal(code, 0)
        t.match(stdout, /^the session \S{22} is over; locks ended: 0\n$/)
      }
      t.equal((await board.socket.closed()).code, 4001)
      for (const token of [one, other]) for (const at of [a, b]) await comesOut(at, token)
      const { code, stderr } = await runCli(['revoke', `${one}x`], world.settings)
      t.equal(code, 2)
      t.match(stderr, 'neither a token of this deployment nor the id of a session')
    }
  )

  await t.test('an instance that starts later knows who was signed out before', async t => {
    const token = staffToken()
    t.match(await askHttp(a, 'signOut', {}, token), { ok: true })
    const late = await world.another()
    t.equal(await staffAt(late, token), 'UNAUTHENTICATED')
    t.equal(await staffAt(late, early), 'in')
    await late.stop()
  })

  await redis!.kill()
  await until('both do without Redis', async () => {
    const status = async ({ url }: typeof a) =>
      ((await (await fetch(`${url}/health`)).json()) as { status: string }).status
    return (await status(a)) === 'degraded' && (await status(b)) === 'degraded'
  })

  await t.test(
    'Redis is gone: a balancer sends staff to the other instance, and they stay signed in',
    async t => {
      for (const at of [b, a]) t.equal(await staffAt(at, early), 'in')
      await (await Visitor.open(t, 'ws', b, early)).must('staffLocks', { calendar })
    }
  )

  await t.test('Redis is gone: who signs out at one is out at the other', async t => {
    const token = staffToken()
    const board = await Visitor.open(t, 'ws', b, token)
    t.match(await askHttp(a, 'signOut', {}, token), { ok: true })
    t.equal(await staffAt(a, token), 'UNAUTHENTICATED')
    t.equal((await board.socket.closed()).code, 4001)
    await comesOut(b, token)
  })

  await t.test('the database is out too: who was signed out stays so, and nobody new can be', async t => {
    const [gone, here] = [staffToken(), staffToken()]
    t.match(await askHttp(a, 'signOut', {}, gone), { ok: true })
    await comesOut(b, gone)
    await mariadb.kill()
    const refused = await soon(async () => {
      const reply = await askHttp(a, 'signOut', {}, here)
      return !reply.ok && reply.error.code === 'STORE_UNAVAILABLE' ? reply.error : undefined
    })
    t.match(refused, { code: 'STORE_UNAVAILABLE', retryable: true })
    for (const at of [a, b]) {
      t.equal(await staffAt(at, gone), 'UNAUTHENTICATED')
      t.not(await staffAt(at, here), 'UNAUTHENTICATED')
    }
    await mariadb.restart()
    await soon(async () => (await askHttp(a, 'signOut', {}, here)).ok || undefined)
    await comesOut(b, here)
  })
})
