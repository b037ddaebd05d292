import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import { OutcomeUnknown, StoreBusy } from '../../../src/domain/errors.js'
import { openMysqlStore } from '../../../src/stores/sql/open-mysql.js'
import { MariadbServer } from '../../helpers/mariadb.js'
import { freePort, until } from '../../helpers/process.js'
import { TcpProxy } from '../../helpers/tcp-proxy.js'
import { bookOf, calendar, grantOf, slot, slots } from '../lock-store-fixture.js'
import { benchOn, countOf, settled, waitsForRow } from './mariadb.js'
import { SetClock } from './set-clock.js'
import { unavailable, unknown } from './store-errors.js'

const server = await MariadbServer.start()
t.teardown(() => server.stop())

t.test('a grant that a frozen server carries out late changes nothing', async t => {
  for (const { deadlineMs, granted, title } of [
    { deadlineMs: 1000, granted: 0, title: 'with its deadline nothing is taken' },
    {
      deadlineMs: 3_600_000,
      granted: 1,
      title: 'without it, somebody would hold a slot and not know (the twin)'
    }
  ]) {
    const bench = await benchOn(t, server)
    const store = await bench.open({ deadlineMs })
    await store.ping()
    server.freeze()
    const from = performance.now()
    const request = grantOf({ slots: slots(1, 2) })
    const refused = await store.grant(request).catch((error: unknown) => error)
    const elapsedMs = performance.now() - from
    // longer than the deadline, however quick the machine
    await new Promise(resolve => setTimeout(resolve, 300))
    server.thaw()
    t.ok(refused instanceof OutcomeUnknown, `says that it does not know: ${String(refused)}`)
    t.ok(elapsedMs < 10_000, 'by its own timer')
    t.equal(store.stats.unknown, 1)
    await settled(server, bench.name)
    t.equal(await countOf(bench.look, 'locks'), granted, title)
    t.equal(await countOf(bench.look, 'slots'), granted * 2, title)
    const again = await store.grant(request)
    t.equal(again.status, granted === 1 ? 'REPLAYED' : 'GRANTED', 'and sent again it has one clear answer')
  }
})

t.test('a grant whose answer was lost is the same grant when it is sent again', async t => {
  const bench = await benchOn(t, server)
  const proxy = await TcpProxy.start(t, server.port)
  const store = await bench.open({}, bench.url.replace(`:${server.port}`, `:${proxy.port}`))
  await store.ping()
  const request = grantOf({ slots: slots(1, 2) })
  const taken = await store.grant(grantOf({ slots: slots(9) }))
  proxy.fault({ dropDownstream: true })
  await t.rejects(store.grant(request), unknown)
  t.equal(await countOf(bench.look, `locks WHERE id = '${request.lock}'`), 1, 'it was carried out')
  proxy.fault({ dropDownstream: false })
  t.match(await store.grant(request), { status: 'REPLAYED', lock: { id: request.lock, slots: slots(1, 2) } })
  if (taken.status !== 'GRANTED') return void t.fail(taken.status)
  const book = bookOf({ lock: request.lock, owner: request.owner })
  proxy.fault({ dropDownstream: true })
  await t.rejects(store.book(book), unknown)
  proxy.fault({ dropDownstream: false })
  t.match(await store.book(book), { status: 'REPLAYED', booking: { id: book.booking } }, 'so is a booking')
  proxy.fault({ dropDownstream: true })
  await t.rejects(store.readLock(request.lock), unavailable, 'a read that got no answer changed nothing')
})

t.test('a request that finds no connection in time is told so, and nothing was sent', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open({ connectionsMax: 1, waitersMax: 1 })
  await store.ping()
  const free = await store.grant(grantOf())
  if (free.status !== 'GRANTED') return void t.fail(free.status)
  await store.release({ lock: free.lock.id, owner: free.lock.owner })
  await bench.look.query('START TRANSACTION; SELECT * FROM slots FOR UPDATE')
  const stuck = store.grant(grantOf()).catch((error: unknown) => error)
  const waits = store.grant(grantOf({ slots: slots(5, 6) })).catch((error: unknown) => error)
  t.ok(
    (await store.grant(grantOf({ slots: slots(7, 8) })).catch(e => e)) instanceof StoreBusy,
    'the queue is finite'
  )
  t.ok((await waits) instanceof StoreBusy, 'and waiting in it too')
  t.equal(store.stats.poolTimeouts, 2)
  t.ok((await stuck) instanceof StoreBusy, 'a row that stays locked: gave up, rolled back')
  await bench.look.query('ROLLBACK')
  t.equal(await countOf(bench.look, "locks WHERE state = 'held'"), 0)
  t.match(
    await store.grant(grantOf()),
    { status: 'GRANTED' },
    'the connection came back without a transaction'
  )
})

t.test('a deadlock is tried again by itself', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open()
  const first = await store.grant(grantOf({ slots: slots(1, 2) }))
  if (first.status !== 'GRANTED') return void t.fail(first.status)
  await store.release({ lock: first.lock.id, owner: first.lock.owner })
  // heavier than the grant, so that the grant is the victim
  await bench.look.query(`CREATE TABLE ballast (n INT PRIMARY KEY); START TRANSACTION;
    INSERT INTO ballast SELECT seq FROM seq_1_to_5000; UPDATE slots SET updated_ms = updated_ms + 1 WHERE calendar = '${calendar}' AND slot = '${slot(2)}'`)
  const grant = store.grant(grantOf({ slots: slots(1, 2) }))
  await until('the grant waits for the second slot', () => waitsForRow(bench.look))
  await bench.look.query(
    `UPDATE slots SET updated_ms = updated_ms + 1 WHERE calendar = '${calendar}' AND slot = '${slot(1)}'; COMMIT`
  )
  t.match(await grant, { status: 'GRANTED' })
  t.equal(store.stats.deadlocksRetried, 1)
})

t.test(
  'a database that is not there is unavailable at once, also one that accepts and never greets',
  async t => {
    const open = (port: number) =>
      openMysqlStore(`mysql://root@127.0.0.1:${port}/nowhere`, { clock: new SetClock(), random: Math.random })
    const closed = await open(await freePort())
    await t.rejects(closed.migrate(), unavailable)
    await t.rejects(closed.grant(grantOf()), unavailable)
    await t.rejects(closed.readLock(grantOf().lock), unavailable)
    await closed.close()

    const sockets: Socket[] = []
    const mute = createServer(socket => void sockets.push(socket)).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const hung = await open((mute.address() as AddressInfo).port)
    await t.rejects(hung.migrate(), unavailable)
    await t.rejects(hung.ping(), unavailable)
    await hung.close()
    for (const socket of sockets) socket.destroy()
    mute.close()

    const nameless = await openMysqlStore(server.url('no_such_database'), {
      clock: new SetClock(),
      random: Math.random
    })
    await t.rejects(nameless.migrate(), unavailable, 'nor does a database without that name exist')
    await nameless.close()
    await t.rejects(nameless.ping(), unavailable, 'and a closed store opens nothing')
  }
)

t.test(
  'a database that became read-only is unavailable for changes, and again available afterwards',
  async t => {
    const bench = await benchOn(t, server)
    await bench.look.query(`CREATE USER app@'127.0.0.1'; GRANT ALL ON ${bench.name}.* TO app@'127.0.0.1'`)
    const store = await bench.open({}, bench.url.replace('root@', 'app@'))
    const { status } = await store.grant(grantOf({ slots: slots(1) }))
    t.equal(status, 'GRANTED')
    await bench.look.query('SET GLOBAL read_only = 1')
    await t.rejects(store.grant(grantOf({ slots: slots(2) })), unavailable)
    t.equal((await store.readRange(calendar, 0, 1e15)).length, 1, 'reading goes on')
    await bench.look.query('SET GLOBAL read_only = 0')
    t.match(await store.grant(grantOf({ slots: slots(2) })), { status: 'GRANTED' })
  }
)

t.test('connections that the server closed while idle are not handed out', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open()
  await store.ping()
  const [rows] = await bench.look.query(
    `SELECT id FROM information_schema.processlist WHERE db = '${bench.name}' AND id <> CONNECTION_ID()`
  )
  for (const { id } of rows as { id: number }[]) await bench.look.query(`KILL ${id}`)
  await until('the store has noticed', async () => {
    const outcome = await store.grant(grantOf({ slots: slots(1) })).catch((error: unknown) => error)
    return !(outcome instanceof Error)
  })
  t.ok(store.stats.connectionsOpened >= 2)
})

t.test('an acknowledged lock survives the death of the server', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open()
  const acknowledged: string[] = []
  let running = true
  let next = 0
  const writers = Array.from({ length: 4 }, async () => {
    while (running) {
      next += 1
      const request = grantOf({ slots: slots(next), locksMax: 100_000 })
      const outcome = await store.grant(request).catch(() => undefined)
      if (outcome?.status === 'GRANTED') acknowledged.push(request.lock)
    }
  })
  await until('some are acknowledged', () => acknowledged.length > 50)
  await server.kill()
  running = false
  await Promise.all(writers)
  await t.rejects(
    store.grant(grantOf({ slots: slots(0) })),
    unavailable,
    'while it is dead nothing is granted'
  )
  await server.restart()
  const look = await server.connect(bench.name)
  const [rows] = await look.query("SELECT id FROM locks WHERE state = 'held'")
  const kept = new Set((rows as { id: string }[]).map(row => row.id))
  t.strictSame(
    acknowledged.filter(id => !kept.has(id)),
    [],
    `all of ${acknowledged.length} are there`
  )
  t.equal(await countOf(look, 'slots'), kept.size, 'and no slot without its lock')
  await look.end()
  t.match(await store.grant(grantOf({ slots: slots(0) })), { status: 'GRANTED' }, 'the same store goes on')
})
