import t from 'tap'
import { Authority } from '../helpers/certificates.js'
import { type Env, runCli } from '../helpers/instance.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { freePort, until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { setUps, startWorld, type World } from '../helpers/set-ups.js'
import { Clinic, calendar } from './clinic.js'

t.setTimeout(300_000)

const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!
const one = { ...redisAndSql, instances: 1 as const }

const authority = new Authority(t)
const stranger = new Authority(t)
const ofStores = authority.issue('stores', ['DNS:localhost', 'IP:127.0.0.1'])
const ofClient = authority.issue('slotlock')
const ofElsewhere = authority.issue('elsewhere', ['DNS:elsewhere.example'])

const tlsPort = await freePort()
const redis = await RedisServer.start(t, [
  ...['--tls-port', String(tlsPort), '--tls-ca-cert-file', authority.ca, '--tls-auth-clients', 'yes'],
  ...['--tls-cert-file', ofStores.cert, '--tls-key-file', ofStores.key]
])
// The rights that README.md names, and no others.
const rights = '~slotlock:* &slotlock:* -@all +@read +@write +@pubsub +@scripting +@connection +time +info'
await redis.client().call('ACL', 'SETUSER', 'slotlock', 'on', '>redis-pass', ...rights.split(' '))

const mariadb = await MariadbServer.start([
  ...[`--ssl-ca=${authority.ca}`, `--ssl-cert=${ofStores.cert}`, `--ssl-key=${ofStores.key}`]
])
t.teardown(() => mariadb.stop())
const root = await mariadb.connect('')
await root.query("CREATE USER clinic@'%' IDENTIFIED BY 'sql-pass' REQUIRE X509")
await root.query(
  'CREATE DATABASE encrypted; CREATE DATABASE encrypted_too; GRANT ALL ON `encrypted%`.* TO clinic'
)
await root.end()

const mysqlUrl = `mysql://clinic:sql-pass@localhost:${mariadb.port}/encrypted`
const encrypted: Env = {
  REDIS_URL: `rediss://slotlock:redis-pass@127.0.0.1:${tlsPort}`,
  REDIS_TLS_CA: authority.ca,
  REDIS_TLS_CERT: ofClient.cert,
  REDIS_TLS_KEY: ofClient.key,
  MYSQL_URL: mysqlUrl,
  MYSQL_TLS: 'verify-full',
  MYSQL_TLS_CA: authority.ca,
  MYSQL_TLS_CERT: ofClient.cert,
  MYSQL_TLS_KEY: ofClient.key
}

const locksOnce = async (world: World, redisMarks: () => Promise<string[]>): Promise<void> => {
  const clinic = new Clinic(t, world)
  await clinic.open()
  const ann = await clinic.ann('http')
  await ann.must('lock', { calendar, slots: clinic.slots(1) })
  await until('Redis has its mark', async () => (await redisMarks()).length > 0)
}

t.test(
  'a lock travels to both stores by TLS, with certificates on both sides and an account of few rights',
  async t => {
    const world = await startWorld(t, one, { mariadb, redis, settings: encrypted })
    await locksOnce(world, () => redis.client().keys(`slotlock:{${calendar}}:lock:*`))
    const clients = (await redis.client().call('CLIENT', 'LIST')) as string
    const ours = clients.split('\n').filter(line => line.includes('user=slotlock'))
    t.ok(ours.length >= 2, 'the commands and the subscriber')
    t.notMatch(world.a.log, /pass|PRIVATE KEY/)
  }
)

t.test('a database that cannot prove who it is gets no password, and the start says why', async t => {
  const cases: [title: string, change: Env, said: RegExp][] = [
    ['signed by somebody else', { MYSQL_TLS_CA: stranger.ca }, /certificate/],
    [
      'another name than the one that was asked for',
      { MYSQL_URL: mysqlUrl.replace('localhost', 'ip6-localhost') },
      /./
    ],
    ['no certificate of ours', { MYSQL_TLS_CERT: '', MYSQL_TLS_KEY: '' }, /Access denied/],
    [
      'not encrypted',
      { MYSQL_TLS: 'off', MYSQL_TLS_CA: '', MYSQL_TLS_CERT: '', MYSQL_TLS_KEY: '' },
      /Access denied/
    ]
  ]
  for (const [title, change, said] of cases) {
    const { code, stderr } = await runCli(['migrate'], {
      ...encrypted,
      SLOTLOCK_SECRET: 'x'.repeat(32),
      ...change
    })
    t.equal(code, 1, title)
    t.match(stderr, /^slotlock: cannot connect to the database: /, title)
    t.match(stderr, said, title)
    t.notMatch(stderr, /sql-pass/)
  }
})

t.test('verify-full wants the name, verify-ca only the signature', async t => {
  const other = await MariadbServer.start([
    ...[`--ssl-ca=${authority.ca}`, `--ssl-cert=${ofElsewhere.cert}`, `--ssl-key=${ofElsewhere.key}`]
  ])
  t.teardown(() => other.stop())
  const settings = {
    SLOTLOCK_SECRET: 'x'.repeat(32),
    MYSQL_URL: other.url().replace('127.0.0.1', 'localhost'),
    MYSQL_TLS_CA: authority.ca
  }
  const full = await runCli(['migrate'], { ...settings, MYSQL_TLS: 'verify-full' })
  t.equal(full.code, 1)
  t.match(full.stderr, /altnames|Hostname/)
  t.equal((await runCli(['migrate'], { ...settings, MYSQL_TLS: 'verify-ca' })).code, 0)
})

t.test('a Redis that cannot prove who it is is not used, and nobody is refused for it', async t => {
  const settings = { ...encrypted, MYSQL_URL: `${mysqlUrl}_too`, REDIS_TLS_CA: stranger.ca }
  const world = await startWorld(t, { ...one, name: 'sql-only' }, { mariadb, settings })
  t.match(await (await world.a.get('/health')).json(), { services: { redis: { connected: false } } })
  const clinic = new Clinic(t, world)
  await clinic.open()
  await (await clinic.ann('http')).must('lock', { calendar, slots: clinic.slots(1) })
  t.match(await (await world.a.get('/health')).json(), { status: 'degraded' })
})
