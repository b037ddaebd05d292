import t from 'tap'
import { closeCodes } from '../../src/protocol/codes.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { WsClient } from '../helpers/ws-client.js'
import { storeWith } from '../service/service-world.js'
import { calendar, day, type OwnOptions, patience, startWorld } from './world.js'

/**
 * Geometry: two hundred people watch the same day at one instance. The network goes away, and comes back; so do they,
 * all at once, and each reads a snapshot. At another instance there is room for half of them.
 *
 * What should follow: the snapshots share readings, a few for all of them, and each has what was changed meanwhile.
 * Where there is no room, who comes too many is told when to come back, each another time, and closed with 1013; when
 * there is room again, they get in.
 *
 * Twin: everybody reads for himself, one reading each.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const crowd = 200
const watch = { calendar, from: day, to: day }

t.test('two hundred who come back at once share a handful of readings', async t => {
  let readings = 0
  const wrapStore: OwnOptions['wrapStore'] = store =>
    storeWith(store, {
      readRange: (...range) => {
        readings += 1
        return store.readRange(...range)
      }
    })
  const world = await startWorld(t, {
    ...{ redis: false, mariadb: server, mysql: patience, instances: 1 },
    wrapStore
  })
  const { one } = world
  const wire = await TcpProxy.start(t, Number(new URL(one.url).port))
  const ws = one.ws.replace(/:\d+/, `:${wire.port}`)
  const before = await Promise.all(Array.from({ length: crowd }, () => WsClient.open(ws)))
  wire.cut()
  await Promise.all(before.map(client => client.closed()))
  const bob = await one.visitor()
  await bob.locked([1])

  const back = await Promise.all(before.map(({ session }) => WsClient.open(ws, session.token as string)))
  t.ok(back.every(client => client.session.resumed === true))
  const readingsBefore = readings
  const answers = await Promise.all(back.map(client => client.request('watch', watch)))
  const used = readings - readingsBefore
  t.ok(
    answers.every(({ result }) => (result!.slots as { state: string }[])[1]!.state === 'locked'),
    'each picture has what was changed meanwhile'
  )
  t.ok(used > 0 && used < crowd / 10, `${used} readings for ${crowd} pictures`)

  // the twin: everybody for himself
  const alone = one.store.stats.reads
  for (let n = 0; n < crowd; n++) await one.store.readRange(calendar, 0, Number.MAX_SAFE_INTEGER)
  t.ok(one.store.stats.reads - alone >= crowd)
})

t.test('where there is no room for all, the others are told different times to come back', async t => {
  const world = await startWorld(t, {
    ...{ redis: false, mariadb: server, mysql: patience, instances: 1 },
    settings: { connectionsMax: crowd / 2 }
  })
  const { one } = world
  const clients = await Promise.all(Array.from({ length: crowd }, () => WsClient.connect(one.ws)))
  const refused: WsClient[] = []
  const admitted: WsClient[] = []
  await Promise.all(
    clients.map(async client => {
      const answer = await client.request('hello').catch(() => undefined)
      if (answer?.ok === true) admitted.push(client)
      else refused.push(client)
    })
  )
  t.equal(admitted.length, crowd / 2)
  const codes = await Promise.all(refused.map(async client => (await client.closed()).code))
  t.same([...new Set(codes)], [closeCodes.overloaded])
  const times = refused.map(client => client.pushes('goodbye')[0]!.reconnectInMs)
  t.ok(new Set(times).size > refused.length / 2, `${new Set(times).size} different times`)

  await Promise.all(admitted.slice(0, 10).map(client => client.end()))
  await until('who comes again gets in', async () => {
    const again = await WsClient.connect(one.ws)
    return again.request('hello').then(
      ({ ok }) => ok,
      () => false
    )
  })
})
