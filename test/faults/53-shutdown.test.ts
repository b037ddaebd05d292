import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { closeCodes } from '../../src/protocol/codes.js'
import { Instance } from '../helpers/instance.js'
import { WsClient } from '../helpers/ws-client.js'

/**
 * Geometry: one instance, a process of its own, with some hundred sockets, and Ann, who has just been told that she holds a
 * slot. The process is told to end (SIGTERM), and started again.
 *
 * What should follow: everybody hears goodbye with a time to come back, each another one, and is closed with 1012; the
 * process exits with 0. Ann comes back with her token and has her lock. (What is in flight, readiness, refused
 * upgrades and the end of patience: test/transport/shutdown.test.ts.)
 *
 * Twin: a process that is killed (SIGKILL). Nobody hears when to come back, so all of them would come at once. Her lock is
 * there all the same: it was in the database before she heard of it.
 */

const sockets = 200

async function crowded(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-shutdown-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const settings = {
    SLOTLOCK_DATA: folder,
    CONNECTIONS_PER_ADDRESS_MAX: '0',
    RATE_SESSIONS_PER_MINUTE_MAX: '0'
  }
  const instance = await Instance.start(t, settings)
  const ann = await WsClient.open(instance.ws)
  const others: WsClient[] = []
  while (others.length < sockets) {
    others.push(...(await Promise.all(Array.from({ length: 50 }, () => WsClient.open(instance.ws)))))
  }
  const days = (ms: number) => new Date(Date.now() + ms * 86_400_000).toISOString().slice(0, 10)
  const { result } = await ann.request('watch', { calendar: 'demo', from: days(2), to: days(3) })
  const [{ slot }] = result!.slots as [{ slot: string }]
  const locked = await ann.request('lock', { calendar: 'demo', slots: [slot] })
  t.equal(locked.ok, true)
  const { id } = locked.result!.lock as { id: string }

  /** After a start anew she has what she was told she has. */
  const annAgain = async () => {
    const again = await Instance.start(t, settings)
    const client = await WsClient.open(again.ws, ann.session.token as string)
    t.equal(client.session.resumed, true)
    const { result } = await client.request('locks')
    t.match(result, { locks: [{ id, state: 'held' }] })
    await client.end()
  }
  return { instance, ann, others, annAgain }
}

t.test('a process that is told to end sends everybody away in order, and loses no lock', async t => {
  const { instance, ann, others, annAgain } = await crowded(t)
  const stopped = instance.stop()
  const goodbyes = await Promise.all([ann, ...others].map(client => client.next('goodbye')))
  const codes = await Promise.all([ann, ...others].map(async client => (await client.closed()).code))
  t.same([...new Set(codes)], [closeCodes.restart])
  const times = goodbyes.map(goodbye => goodbye.reconnectInMs as number)
  t.ok(new Set(times).size > sockets / 3, `${new Set(times).size} different times to come back`)
  t.equal(await stopped, 0)
  t.match(instance.log, /slotlock drains and stops/)
  await annAgain()
})

t.test('twin: a process that is killed tells nobody when to come back', async t => {
  const { instance, ann, others, annAgain } = await crowded(t)
  await instance.process.kill('SIGKILL')
  const codes = await Promise.all([ann, ...others].map(async client => (await client.closed()).code))
  t.same([...new Set(codes)], [1006])
  t.same(
    others.flatMap(client => client.pushes('goodbye')),
    []
  )
  await annAgain()
})
