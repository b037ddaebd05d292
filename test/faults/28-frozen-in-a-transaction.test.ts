import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { countOf, insist, lookInto, rowOf, untilRowWaits } from './database.js'
import { codeOf as code, patience, startWorld } from './world.js'

/**
 * Geometry: an instance stands still in the worst of all moments. What it sends is one packet, transaction and all,
 * so only a statement that was refused leaves a transaction open: until the ROLLBACK that it cannot send any more.
 * To the database, an instance that stands still and a network that swallows everything are the same: a connection
 * that is open and silent. So the proxy swallows; the instance books a lock that ended, and meanwhile somebody else
 * takes the second of its two slots.
 *
 * What should follow: the rows that it holds are free after two seconds at most, by the database's own hand
 * (`idle_transaction_timeout`, set in every session). Until then others hear BUSY, afterwards they get the slot.
 *
 * The twin runs at the same time: a session without that setting, silent in a transaction, holds another slot for good.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

t.test('an instance that stands still in a transaction holds its rows for two seconds at most', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const { one, two } = world
  const look = await lookInto(t, server, world)
  const silent = await lookInto(t, server, world)
  const [ann, bob, carol] = [await one.visitor(), await two.visitor(), await two.visitor()]
  // a row that is free
  await bob.release(await (await bob.watch()).locked([20]))
  const mine = await ann.locked([1, 2], { ttlMs: 100 })
  await until('her lock is over', async () => (await world.row(1))?.state === 'free')

  await look.query(`START TRANSACTION; UPDATE slots SET state = 'booked', ver = ver + 1 WHERE ${rowOf(2)}`)
  const params = { lock: mine.id, requestId: 'b', customer: { name: 'Ann' }, ifStillFree: true }
  // never answered, as far as this story goes
  ann.client.request('book', params).catch(() => undefined)
  await untilRowWaits(look)
  let waiting = 0
  // that table is renewed ten times a second at most, and by whoever asks, so not by asking all the time
  await until('it is known who waits', async () => {
    await new Promise(resolve => setTimeout(resolve, 120))
    const [rows] = await look.query(
      "SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    )
    waiting = (rows as { id: number }[])[0]?.id ?? 0
    return waiting !== 0
  })
  one.sqlProxy!.fault({ blackhole: true })
  await silent.query(`SET SESSION idle_transaction_timeout = 0; START TRANSACTION;
    SELECT * FROM slots WHERE ${rowOf(20)} FOR UPDATE`)
  await look.query('COMMIT')
  const session = `information_schema.processlist WHERE id = ${waiting}`
  await until(
    'it was refused and says nothing',
    async () => (await countOf(look, `${session} AND command = 'Sleep'`)) === 1
  )

  const asks = { bob: [] as string[], carol: [] as string[] }
  let served = false
  const carols = (async () => {
    while (!served) asks.carol.push(code(await carol.lock([20], { requestId: 'new' })))
  })()
  const answer = await insist(async () => {
    const told = await bob.lock([1], { requestId: 'mine-now' })
    asks.bob.push(code(told))
    return told
  })
  served = true
  t.equal(code(answer), 'ok', `after ${asks.bob.join(', ')}`)
  t.equal(await countOf(look, session), 0, 'the database ended that session by itself')
  t.ok(one.sqlProxy!.connections.size > 0, 'while the instance still believes in it')
  t.equal(await countOf(look, 'bookings'), 0, 'nothing of the booking is left')
  await carols
  t.same(new Set(asks.carol), new Set(['BUSY']), 'what the other session holds is not to be had (the twin)')
  await silent.query('ROLLBACK')
  t.equal(
    code(await insist(() => carol.lock([20], { requestId: 'new' }))),
    'ok',
    'until somebody else ends it'
  )
  await bob.untilScreenEquals(world.rows)
  // or it would wait for its answers until its patience ends
  one.sqlProxy!.fault({ blackhole: false })
  one.sqlProxy!.cut()
})
