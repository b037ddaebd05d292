import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCli } from '../helpers/instance.js'
import { until } from '../helpers/process.js'
import type { RedisServer } from '../helpers/redis.js'
import { setUps, startWorld, type World } from '../helpers/set-ups.js'
import { Clinic, calendar } from './clinic.js'

t.setTimeout(300_000)

/**
 * People book under names that occur nowhere else. Afterwards these are looked for in everything that is written or sent:
 * logs, metrics, Redis with its messages, and the files of the database.
 */

const mark = `zq${randomBytes(6).toString('hex')}`
const customer = {
  name: `${mark} name`,
  email: `${mark}@example.org`,
  phone: `+49 ${mark}`.slice(0, 32),
  note: `${mark} note`
}
const CUSTOMER_KEY = randomBytes(32).toString('base64')

// MariaDB without Redis keeps nothing anywhere else
for (const setUp of setUps.filter(({ name }) => name !== 'sql-only')) {
  t.test(
    `${setUp.name}: with a key, what customers say of themselves is nowhere but in their booking`,
    async t => {
      const world = await startWorld(
        t,
        { ...setUp, instances: 1 },
        { settings: { CUSTOMER_KEY, LOG_LEVEL: 'trace' } }
      )
      const heard = world.redis === undefined ? [] : await everythingOn(world.redis)
      await bookMarked(t, world)

      t.notOk(world.a.log.includes(mark), 'the log')
      t.notOk((await (await world.a.get('/metrics')).text()).includes(mark), '/metrics')
      if (world.redis !== undefined) {
        t.ok(heard.length > 0)
        t.notOk(
          heard.some(message => message.includes(mark)),
          'messages through Redis'
        )
        const dumps = await everythingIn(world.redis)
        t.ok(dumps.length > 0)
        t.notOk(
          dumps.some(dump => dump.includes(mark)),
          'keys and values in Redis'
        )
      }
      t.strictSame(await filesWith(world, mark), [], 'the database')
      if (setUp.name !== 'embedded') return
      await world.a.stop()
      const { code, stderr } = await runCli(['serve'], { ...world.settings, CUSTOMER_KEY: '' })
      t.equal(code, 1)
      t.match(stderr, /customer data is encrypted under the key [0-9a-f]{8}, and CUSTOMER_KEY is not set/)
    }
  )
}

t.test('twin: without a key they stand in the database, until they are erased or encrypted', async t => {
  const world = await startWorld(t, { name: 'embedded', instances: 1 })
  const booking = await bookMarked(t, world)
  await world.a.stop()
  t.not((await filesWith(world, `${mark} http`)).length, 0, 'so the search finds what is there')
  t.not((await filesWith(world, `${mark} ws`)).length, 0)
  const run = async (...args: string[]) => {
    const ran = await runCli(args, { ...world.settings, CUSTOMER_KEY })
    t.equal(ran.code, 0, ran.stderr)
    t.notOk(ran.stderr.includes(mark))
    return ran.stdout
  }
  t.equal(await run('erase', '--booking', booking), 'bookings found: 1; the customer data of 1 was erased\n')
  t.strictSame(await filesWith(world, `${mark} ws`), [], 'and is not left behind in the file')
  t.match(await run('encrypt'), /^bookings found: 1; the customer data of 1 was encrypted/)
  t.strictSame(await filesWith(world, mark), [])
  t.match(
    await run('erase', '--email', customer.email.toUpperCase(), '--dry-run'),
    /^bookings found: 1; the customer data of 1 would be erased$/m
  )
  const truth = await world.readTruthAgain()
  t.match(await truth.bookings(calendar), [{ state: 'booked' }, { state: 'booked' }], 'the bookings stay')
})

/** Two bookings, the last one by WebSocket, and what goes wrong on the way to them: refusals must not repeat what was sent either. */
async function bookMarked(t: Test, world: World): Promise<string> {
  const clinic = new Clinic(t, world)
  await clinic.open()
  let booked = ''
  for (const face of ['http', 'ws'] as const) {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: clinic.slots(1) })
    const asked = {
      lock: lock.id,
      requestId: `book-${face}`,
      customer: { ...customer, name: `${mark} ${face}` },
      meta: { about: `${mark} meta` }
    }
    await ann.ask('book', { ...asked, customer: { ...customer, email: mark.repeat(40) } })
    const { booking } = await ann.must('book', asked)
    t.match(booking, { customer: asked.customer, meta: asked.meta })
    await ann.ask('book', { ...asked, customer: { ...customer, note: `${mark} another` } })
    await ann.must('book', asked)
    booked = booking.id
  }
  return booked
}

async function everythingOn(redis: RedisServer): Promise<string[]> {
  const heard: string[] = []
  const client = redis.client()
  client.on('pmessage', (_pattern, channel: string, message: string) => void heard.push(channel, message))
  await client.psubscribe('*')
  await until('messages are heard', () => heard.length > 0)
  return heard
}

async function everythingIn(redis: RedisServer): Promise<string[]> {
  const client = redis.client()
  const names = await client.keys('*')
  const values = await Promise.all(
    names.map(async name => {
      switch (await client.type(name)) {
        case 'string':
          return (await client.get(name)) ?? ''
        case 'hash':
          return JSON.stringify(await client.hgetall(name))
        case 'zset':
          return JSON.stringify(await client.zrange(name, 0, '-1'))
        default:
          return ''
      }
    })
  )
  return [...names, ...values]
}

/** The files of the database that hold this, by name. */
async function filesWith(world: World, text: string): Promise<string[]> {
  const folder = await folderOf(world)
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => {
    const path = join(folder, name)
    return statSync(path).isFile() && readFileSync(path).includes(text)
  })
}

async function folderOf(world: World): Promise<string> {
  if (world.mariadb === undefined) return world.settings.SLOTLOCK_DATA!
  const look = await world.mariadb.connect('')
  const [rows] = await look.query('SELECT @@datadir AS folder')
  await look.end()
  return (rows as { folder: string }[])[0]!.folder
}
