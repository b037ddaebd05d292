import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { systemClock } from '../../src/app.js'
import { configTable, readConfig } from '../../src/config.js'
import { openMysqlStore } from '../../src/stores/sql/open-mysql.js'
import { lookAtDatabase, lookAtRedis, troubles } from '../doctor/patients.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { RedisServer } from '../helpers/redis.js'

t.setTimeout(300_000)

/** What is shipped for operators: as far as it can be tried without their machines, it is. */
const read = (name: string): string => readFileSync(`src/deploy/${name}`, 'utf8')

t.test('the Redis that is shipped starts, and the doctor finds nothing', async t => {
  const settings = read('redis.conf')
    .split('\n')
    .filter(line => /^\w/.test(line) && !line.startsWith('bind'))
    .flatMap(line => {
      const [name = '', ...values] = line.split(' ')
      return [`--${name}`, ...values.map(value => value.replaceAll('"', ''))]
    })
  const redis = await RedisServer.start(t, settings)
  const examined = await lookAtRedis(redis.url)
  t.strictSame(troubles(examined), [])
  t.strictSame(
    examined.findings.map(({ code }) => code).filter(code => code !== 'redis-slow'),
    [],
    'not even a hint'
  )
})

t.test('the MariaDB that is shipped starts, with a binary log, and the doctor finds nothing', async t => {
  const settings = read('mariadb.cnf')
    .split('\n')
    .filter(line => /^\w/.test(line))
    .map(
      line =>
        `--${line.replaceAll('_', '-').replace(/^([\w-]+)=(.*)$/, (_, name, value) => `${name}=${value.replaceAll('-', '_')}`)}`
    )
  const server = await MariadbServer.start(['--log-bin=binlog', ...settings])
  t.teardown(() => server.stop())
  const store = await openMysqlStore(server.url(), { clock: systemClock, random: Math.random })
  await store.migrate()
  await store.close()
  const examined = await lookAtDatabase({ MYSQL_URL: server.url() })
  t.strictSame(troubles(examined), [])
})

t.test(
  'every variable that the container, the compose file and the unit set is a setting, and has a value it may have',
  async t => {
    const known = new Set<string>(configTable().map(({ name }) => name))
    const isSetting = (name: string): boolean => known.has(name) || known.has(name.replace(/_FILE$/, ''))
    const dockerfile = [...read('Dockerfile').matchAll(/^(?:ENV| {4}) ?(\w+)=(\S+)/gm)].map(
      ([, name, value]) => [name!, value!]
    )
    const unit = [...read('slotlock.service').matchAll(/^Environment=(.*)$/gm)]
      .flatMap(([, line]) => line!.split(' '))
      .map(word => word.split('='))
    const compose = parse(read('compose.yaml')) as {
      services: Record<string, { environment?: Record<string, string>; secrets?: string[] }>
      secrets: Record<string, unknown>
    }
    const slotlock = compose.services.slotlock!
    const ours = [...dockerfile, ...unit, ...Object.entries(slotlock.environment!)].filter(
      ([name]) => name !== 'NODE_ENV'
    )
    t.ok(ours.length > 10)
    for (const [name] of ours) t.ok(isSetting(name!), `${name} is a setting`)
    for (const values of [dockerfile, unit]) {
      const env = Object.fromEntries(values.filter(([name]) => !name!.endsWith('_FILE')))
      t.match(readConfig(env), { environment: 'production', mode: 'embedded', data: '/var/lib/slotlock' })
    }
    for (const [name, { secrets = [] }] of Object.entries(compose.services)) {
      for (const secret of secrets) t.ok(secret in compose.secrets, `${name} has the secret ${secret}`)
    }
    for (const path of Object.values(slotlock.environment!).filter(value =>
      value.startsWith('/run/secrets/')
    )) {
      t.ok(slotlock.secrets!.includes(path.slice('/run/secrets/'.length)), path)
    }
  }
)

t.test('what the Dockerfile copies is there, and what it runs as is nobody special', async t => {
  const dockerfile = read('Dockerfile')
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
    sources!.split(' ')
  )
  t.ok(copied.length > 4)
  const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] }
  for (const source of copied) t.ok(existsSync(source), source)
  t.match(dockerfile, /^USER node$/m)
  t.ok(files.includes('src/deploy'), 'it is in the package')
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  t.match(read('CHANGELOG.md'), `## ${version}`)
})
