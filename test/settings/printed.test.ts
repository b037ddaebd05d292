import t from 'tap'
import { configTable, printConfig, readConfig } from '../../src/config.js'

type Env = Record<string, string | undefined>

const secret = 'a-secret-of-at-least-thirty-two-characters'
const older = 'the-secret-before-it-of-thirty-two-characters'
const mysql = 'mysql://slotlock:hunter2@db.example:3306/slotlock'
const shared = { MYSQL_URL: mysql, SLOTLOCK_SECRET: secret }

const linesOf = (text: string): Env =>
  Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  )

t.test('what is printed can be read again and means the same', async t => {
  for (const env of [
    {},
    { PORT: '0', SLOTLOCK_ORIGINS: '*', TRUST_PROXY: '10.0.0.0/8,::1', LOCK_TTL_MS: '12345' }
  ]) {
    const config = readConfig(env)
    t.strictSame(readConfig(linesOf(printConfig(config))), config)
  }
  t.strictSame(
    Object.keys(linesOf(printConfig(readConfig({})))),
    configTable().map(({ name }) => name)
  )
})

t.test('no secret is printed, wherever it stands', async t => {
  const text = printConfig(
    readConfig({
      REDIS_URL: 'rediss://user:hunter2@cache.example:6380/2',
      MYSQL_URL: `${mysql}?password=hunter2&sslKey=hunter2&charset=utf8mb4`,
      SLOTLOCK_SECRET: `${secret},${older}`
    })
  )
  t.notMatch(text, /hunter2/)
  t.notMatch(text, secret)
  t.notMatch(text, older)
  t.match(linesOf(text), {
    REDIS_URL: 'rediss://user:***@cache.example:6380/2',
    MYSQL_URL: 'mysql://slotlock:***@db.example:3306/slotlock?password=***&sslKey=***&charset=utf8mb4',
    SLOTLOCK_SECRET: '***,***'
  })
  const userOnly = printConfig(readConfig({ ...shared, REDIS_URL: 'redis://hunter2@cache.example' }))
  t.notMatch(userOnly, /hunter2/, 'a password in the place of the user is one too')
})

t.test('the table has a line for every setting, with words for those that are unset', async t => {
  const table = configTable()
  t.match(
    table.find(({ name }) => name === 'SLOTLOCK_ORIGINS'),
    { default: 'own origin' }
  )
  t.match(
    table.find(({ name }) => name === 'PORT'),
    { default: '3000', kind: 'whole number from 0 to 65535' }
  )
  for (const row of table) {
    t.ok(row.default !== '' && row.meaning !== '' && row.kind !== '', row.name)
  }
})
