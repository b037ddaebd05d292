import t from 'tap'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { WsClient } from '../helpers/ws-client.js'
import { Clinic, calendar, day, onEachSetUp, range, soon } from './clinic.js'
import { askHttp } from './visitor.js'

t.setTimeout(300_000)

onEachSetUp(
  t,
  async (t, clinic) => {
    const { a, b, setUp, truth } = clinic.world
    const ann = await clinic.ann('ws')
    const watcher = await clinic.ann('ws')
    await watcher.must('readSlots', range)
    const { lock } = await ann.must('lock', { calendar, slots: clinic.slots(2) })
    const quiet = { calendar, from: day(30), to: day(30) }
    const { cursor } = await watcher.must('readChanges', quiet)
    const poll = askHttp(a, 'readChanges', { ...quiet, since: cursor, wait: 25 })
    // somebody whose machine went to sleep with the socket open keeps the server from being done at once
    const sleeper = await WsClient.open(a.ws)
    sleeper.stream.pause()

    const crowd = await Promise.all(Array.from({ length: 40 }, () => clinic.ann('ws')))
    const wanted = crowd.map(() => ({ calendar, slots: [clinic.slot()], requestId: 'last' }))
    // a request that had not reached the server by then gets no answer, and its sender hears the goodbye instead
    const asked = crowd.map((visitor, index) => visitor.ask('lock', wanted[index]).catch(() => undefined))
    await Promise.race(asked)
    const stopped = a.stop()
    const notReady = soon(async () => {
      const response = await a.get('/readyz')
      return response.status === 503 ? ((await response.json()) as object) : undefined
    })
    notReady.catch(() => {})

    await t.test('it is not ready any more, and says goodbye to everybody', async t => {
      t.match(await notReady, { ready: false, reason: 'draining' })
      for (const visitor of [ann, watcher, ...crowd]) {
        t.match(await visitor.next('goodbye'), { reason: 'restart', reconnectInMs: Number })
        t.equal((await visitor.socket.closed()).code, 1012)
      }
      t.match(await poll, { ok: true, result: { slots: [], cursor: String } }, 'who waits for news is let go')
    })

    const replies = await Promise.all(asked)
    await t.test('what was being worked on is answered, and what was granted is there', async t => {
      t.ok(replies.some(reply => reply?.ok))
      for (const reply of replies) {
        if (reply?.ok) t.equal((await truth.lock(reply.result.lock.id))?.state, 'held')
        else if (reply !== undefined) t.equal(reply.error.code, 'BUSY', 'too late, and nothing was changed')
      }
    })

    t.equal(await stopped, 0, 'it ends by itself and well')

    if (setUp.instances === 2) {
      await t.test('the other instance goes on, and who comes over finds the locks', async t => {
        const again = await clinic.bob('ws', ann.token)
        t.equal(again.session.resumed, true)
        t.match(await again.must('listLocks'), { locks: [{ id: lock.id, state: 'held' }] })
        await again.must('extend', { lock: lock.id })
        await again.must('lock', { calendar, slots: clinic.slots(2) })
        t.equal((await b.get('/readyz')).status, 200)
        for (const [index, visitor] of crowd.entries()) {
          const same = await askHttp(b, 'lock', wanted[index], visitor.token)
          t.match(
            same,
            { ok: true, result: { lock: { slots: wanted[index]?.slots } } },
            'asked again, got once'
          )
        }
      })
    }
  },
  {
    // longer than anybody here waits for the end: nothing may need it
    SHUTDOWN_GRACE_MS: '60000'
  }
)

t.test(
  'what an embedded instance had locked and booked is there after a restart, and its tokens hold',
  async t => {
    const [embedded] = setUps
    const world = await startWorld(t, embedded!)
    const clinic = new Clinic(t, world)
    await clinic.open()
    const ann = await clinic.ann('http')
    const [first, second] = clinic.slots(2) as [string, string]
    const { lock } = await ann.must('lock', { calendar, slots: [first] })
    const other = (await ann.must('lock', { calendar, slots: [second] })).lock
    await ann.must('book', { lock: other.id, requestId: 'b', customer: { name: 'Ann' } })
    t.equal(await world.a.stop(), 0)

    const again = await world.another()
    t.match(await askHttp(again, 'listLocks', {}, ann.token), {
      ok: true,
      result: { locks: [{ id: lock.id, expiresAt: lock.expiresAt }] }
    })
    const stranger = await askHttp(again, 'openSession')
    const token = stranger.ok ? stranger.result.token : ''
    for (const slot of [first, second]) {
      const taken = await askHttp(again, 'lock', { calendar, slots: [slot] }, token)
      t.match(taken, { ok: false, error: { code: 'SLOT_UNAVAILABLE' } })
    }
  }
)
