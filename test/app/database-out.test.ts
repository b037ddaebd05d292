import t from 'tap'
import type { SelectionView } from '../../src/protocol/schemas.js'
import { runCli } from '../helpers/instance.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { freePort } from '../helpers/process.js'
import { setUps, sharedSecret, startWorld } from '../helpers/set-ups.js'
import { Clinic, calendar, range, soon } from './clinic.js'
import { askHttp } from './visitor.js'

t.setTimeout(300_000)

t.test('without its database nothing starts, and one line says why', async t => {
  const MYSQL_URL = `mysql://slotlock:hunter2@127.0.0.1:${await freePort()}/slotlock`
  for (const command of ['serve', 'migrate']) {
    const { code, stderr } = await runCli([command], { MYSQL_URL, SLOTLOCK_SECRET: sharedSecret })
    t.equal(code, 1)
    t.match(stderr, /^slotlock: cannot connect to the database: .*ECONNREFUSED/)
    t.notMatch(stderr, /\n.*\n|hunter2/, 'no stack and no password')
  }
})

for (const setUp of setUps.filter(({ name }) => name !== 'embedded')) {
  t.test(`${setUp.name}: the database is killed and comes back, and the instances stay`, async t => {
    const mariadb = await MariadbServer.start()
    t.teardown(() => mariadb.stop())
    const world = await startWorld(t, setUp, { mariadb })
    const clinic = new Clinic(t, world)
    await clinic.open()
    const { a, b } = world
    const ann = await clinic.ann('ws')
    const bob = await clinic.bob('ws')
    const held = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots: held })
    await ann.must('readSlots', range)
    await soon(async () => {
      const { slots } = await bob.must('readSlots', range)
      return slots.find(({ slot, state }) => slot === held[0] && state === 'locked')
    })

    await mariadb.kill()
    const wanted = { calendar, slots: clinic.slots(2), requestId: 'patient' }
    const codes = new Set<string>()
    for (const visitor of [ann, bob, ann, bob]) codes.add((await visitor.refused('lock', wanted)).code)
    codes.add((await ann.refused('extend', { lock: lock.id })).code)
    codes.add((await ann.refused('book', { lock: lock.id, requestId: 'b', customer: { name: 'Ann' } })).code)
    for (const code of codes) t.ok(['STORE_UNAVAILABLE', 'OUTCOME_UNKNOWN'].includes(code), code)
    for (const visitor of [ann, bob]) await visitor.next('service', push => push.status === 'unavailable')
    t.match(await ann.refused('lock', wanted), {
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      retryAfterMs: 1_000
    })
    for (const instance of [a, b]) {
      t.match(await (await instance.get('/readyz')).json(), { ready: false, reason: 'unavailable' })
      const health = await instance.get('/health')
      t.equal(health.status, 503)
      t.match(await health.json(), { status: 'unavailable', services: { database: { available: false } } })
      t.equal((await instance.get('/livez')).status, 200)
    }

    await t.test('meanwhile reading and hovering go on', async t => {
      const { slots } = await bob.must('readSlots', range)
      t.match(
        slots.find(({ slot }) => slot === held[0]),
        { state: 'locked', expiresAt: lock.expiresAt }
      )
      t.match(await askHttp(b, 'listCalendars'), { ok: true })
      t.match(await bob.socket.request('ping'), { ok: true })
      const hovered = clinic.slot()
      await ann.must('select', { calendar, slot: hovered })
      const watcher = setUp.name === 'redis+sql' ? bob : ann
      await watcher.next('selections', push =>
        (push.selections as SelectionView[]).some(({ slot }) => slot === hovered)
      )
    })

    await mariadb.restart()
    for (const visitor of [ann, bob]) await visitor.next('service', push => push.status === 'normal')
    const { lock: got } = await soon(async () => {
      const reply = await ann.ask('lock', wanted)
      return reply.ok ? reply.result : undefined
    })
    t.strictSame(got.slots, wanted.slots)
    t.equal((await ann.must('lock', wanted)).lock.id, got.id)
    t.match(await ann.must('book', { lock: lock.id, requestId: 'b', customer: { name: 'Ann' } }), {
      booking: { slots: held }
    })
    const locks = await (await world.readTruthAgain()).locks(calendar)
    t.equal(locks.filter(({ slots }) => slots[0] === wanted.slots[0]).length, 1)
    for (const { process } of world.instances) t.ok(process.running)
    await bob.refused('lock', { calendar, slots: [held[0]] })
  })
}
