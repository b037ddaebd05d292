import t from 'tap'
import { until } from '../helpers/process.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { WsClient } from '../helpers/ws-client.js'

t.setTimeout(300_000)

const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!
/** Asked for twice over, they are all let in or refused within the minute that a limit counts. */
const max = 40

t.test(
  'two instances share a limit, each counts for itself while Redis is out, and then they share again',
  async t => {
    const settings = { RATE_SESSIONS_PER_MINUTE_MAX: String(max), TRUST_PROXY: '127.0.0.1' }
    const world = await startWorld(t, redisAndSql, { settings })
    const redis = world.redis!
    const { a, b } = world
    const sessionAt = async (url: string, address: string): Promise<number> =>
      (await fetch(`${url}/v1/sessions`, { method: 'POST', headers: { 'x-forwarded-for': address } })).status
    /** How many get in, when asking turn by turn until both say no. */
    const letIn = async (address: string): Promise<number> => {
      let entered = 0
      for (let refused = 0; refused < 6; ) {
        for (const { url } of [a, b]) {
          const status = await sessionAt(url, address)
          if (status === 201) entered++
          else refused++
        }
      }
      return entered
    }
    const sharedWords = 'counted by all instances together'
    const aloneWords = 'counted by each instance for itself until Redis is back'
    /** By the last that each said of it. */
    const share = (): boolean =>
      [a, b].every(({ log }) => log.lastIndexOf(sharedWords) > log.lastIndexOf(aloneWords))
    const timesAlone = (): number => [a, b].flatMap(({ log }) => log.split(aloneWords).slice(1)).length
    /** A machine so busy that Redis seemed out meanwhile says nothing about sharing. */
    const letInWhileShared = async (network: string): Promise<number> => {
      for (let n = 1; ; n++) {
        await until('limits are shared', share, 60_000)
        const before = timesAlone()
        const entered = await letIn(`${network}.${n}`)
        if (timesAlone() === before) return entered
      }
    }
    const limitsFinding = async (): Promise<boolean> => {
      const { findings } = (await (await a.get('/health')).json()) as { findings: { code: string }[] }
      return findings.some(({ code }) => code === 'limits-not-shared')
    }
    const together = await letInWhileShared('198.51.100')
    t.ok(
      together >= max && together < 2 * max,
      `${together} got in: what both let in, less what one had not yet heard of`
    )
    await until('and an operator is not told otherwise', async () => !(await limitsFinding()))
    const countedFrom = performance.now()
    const used = max - 1
    for (let n = 0; n < used; n++) t.equal(await sessionAt(a.url, '192.0.2.2'), 201)

    await redis.kill()
    await until('both have noticed', () =>
      [a, b].every(({ log }) => log.lastIndexOf(aloneWords) > log.lastIndexOf(sharedWords))
    )
    t.ok(await limitsFinding(), 'and an operator can see it')
    t.equal(await letIn('192.0.2.3'), 2 * max, 'the twin: each lets in as many')
    t.equal(await sessionAt(a.url, '192.0.2.2'), 201, 'what was counted before still counts here')
    const refused = (await sessionAt(a.url, '192.0.2.2')) === 429
    t.ok(refused || performance.now() - countedFrom > 59_000, 'as long as its minute lasts')

    await redis.restart()
    const again = await letInWhileShared('203.0.113')
    t.ok(again >= max && again < 2 * max, `${again} got in`)
  }
)

t.test('sockets of one address are counted by all instances together, while Redis is there', async t => {
  const max = 8
  const settings = { CONNECTIONS_PER_ADDRESS_MAX: String(max), TRUST_PROXY: '127.0.0.1' }
  const world = await startWorld(t, redisAndSql, { settings })
  const { a, b } = world
  const open: WsClient[] = []
  t.teardown(() => Promise.all(open.map(client => client.end())))
  const letsIn = async (ws: string, address: string): Promise<boolean> => {
    const client = new WsClient(ws, { headers: { 'x-forwarded-for': address } })
    await until('it is open or refused', () => client.socket.readyState !== client.socket.CONNECTING)
    const isOpen = client.socket.readyState === client.socket.OPEN
    if (isOpen) open.push(client)
    return isOpen
  }
  /** How many b lets in of an address that has six sockets at a. */
  const letInAtB = async (address: string): Promise<number> => {
    for (let n = 0; n < 6; n++) t.ok(await letsIn(a.ws, address))
    let entered = 0
    while (await letsIn(b.ws, address)) entered++
    return entered
  }
  // on a busy machine Redis may seem out for a moment, and then each counts for itself: as many as its own bound get in
  let [entered, address] = [max, 1]
  await until(
    'they are counted together',
    async () => {
      entered = await letInAtB(`192.0.2.${address++}`)
      return entered < max
    },
    60_000
  )
  t.ok(entered < max, `${entered} got in at the second`)
  t.ok(await letsIn(b.ws, '198.51.100.1'), 'others are let in')
})
