import t from 'tap'
import { until } from '../helpers/process.js'
import { setUps, startWorld } from '../helpers/set-ups.js'

t.setTimeout(300_000)

const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!
/** Seconds of this test are less than the minute that a limit counts. */
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
    const said = (log: string, words: string): number => log.split(words).length - 1
    const limitsFinding = async (): Promise<boolean> => {
      const { findings } = (await (await a.get('/health')).json()) as { findings: { code: string }[] }
      return findings.some(({ code }) => code === 'limits-not-shared')
    }
    for (const { process } of [a, b])
      await until('limits are shared', () => said(process.output, sharedWords) === 1)
    t.equal(await limitsFinding(), false)

    const together = await letIn('192.0.2.1')
    t.ok(
      together >= max && together < 2 * max,
      `${together} got in: what both let in, less what one had not yet heard of`
    )
    const used = max - 1
    for (let n = 0; n < used; n++) t.equal(await sessionAt(a.url, '192.0.2.2'), 201)
    await until('the other instance has heard of it', async () => {
      const counted = await redis.client().get('slotlock:{limits}:sessions:192.0.2.2')
      return counted === String(used)
    })

    await redis.kill()
    for (const { process } of [a, b])
      await until('both have noticed', () => said(process.output, aloneWords) === 1)
    t.ok(await limitsFinding(), 'and an operator can see it')
    t.equal(await letIn('192.0.2.3'), 2 * max, 'the twin: each lets in as many')
    t.equal(await sessionAt(a.url, '192.0.2.2'), 201, 'what was counted before still counts here')
    t.equal(await sessionAt(a.url, '192.0.2.2'), 429)

    await redis.restart()
    for (const { process } of [a, b])
      await until('both share again', () => said(process.output, sharedWords) === 2, 30_000)
    const again = await letIn('192.0.2.4')
    t.ok(again >= max && again < 2 * max, `${again} got in`)
    t.equal(await sessionAt(a.url, '192.0.2.2'), 429)
  }
)
