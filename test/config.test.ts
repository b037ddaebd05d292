import fc from 'fast-check'
import t from 'tap'
import { configTable, readConfig } from '../src/config.js'
import { defaultLimits } from '../src/domain/limits.js'
import { parseRedisUrl } from '../src/stores/redis/address.js'
import { problemsOf } from './settings/problems.js'

type Env = Record<string, string | undefined>

const secret = 'a-secret-of-at-least-thirty-two-characters'
const older = 'the-secret-before-it-of-thirty-two-characters'
const mysql = 'mysql://slotlock:hunter2@db.example:3306/slotlock'
const redis = 'redis://:hunter2@cache.example:6379/0'
const shared = { MYSQL_URL: mysql, SLOTLOCK_SECRET: secret }

const noFiles = { ca: undefined, cert: undefined, key: undefined }

const named = (env: Env): string[] => problemsOf(env).map(problem => problem.split(' ', 1)[0]!)

t.test(
  'without any variable the service is embedded, on loopback, with the limits of the contract',
  async t => {
    t.strictSame(readConfig({}), {
      environment: 'development',
      allow: [],
      mode: 'embedded',
      host: '127.0.0.1',
      port: 3000,
      redisUrl: undefined,
      redisTls: noFiles,
      redisSentinelPassword: undefined,
      mysqlUrl: undefined,
      mysqlTls: 'off',
      mysqlTlsFiles: noFiles,
      mysqlConnectionsMax: 10,
      data: '.slotlock',
      secrets: [],
      origins: [],
      trustProxy: [],
      redisKeyPrefix: 'slotlock:',
      logLevel: 'info',
      otlpEndpoint: undefined,
      limits: defaultLimits,
      auditRetentionDays: 90,
      customerKeys: [],
      customerRetentionDays: 0,
      addressRetentionDays: 30,
      hostTokens: undefined,
      siteKeyRequired: false,
      webhooks: { urls: [], secrets: [], types: [], timeoutMs: 15_000, retryMs: 5_000 },
      sessionsPerMinuteMax: 3_000,
      requestsPerMinuteMax: 30_000,
      messagesPerSecondMax: 50,
      connectionsPerAddressMax: 2_000,
      lockLimits: {
        locksPerAddressPerMinuteMax: 0,
        locksPerSessionPerMinuteMax: 0,
        locksPerCalendarPerMinuteMax: 0,
        slotsPerAddressMax: 0
      },
      connectionsMax: 20_000,
      shutdownGraceMs: 10_000
    })
  }
)

t.test('an empty variable is like an absent one, and blanks around a value do not count', async t => {
  const empty = Object.fromEntries(configTable().map(({ name }) => [name, ' ']))
  t.strictSame(readConfig(empty), readConfig({}))
  t.equal(readConfig({ PORT: ' 8080\n' }).port, 8080)
})

t.test('every variable arrives where it belongs', async t => {
  t.strictSame(
    readConfig({
      SLOTLOCK_ENV: 'production',
      SLOTLOCK_ALLOW: 'any-origin, weak-secret',
      HOST: '::',
      PORT: '0',
      REDIS_URL: redis,
      REDIS_SENTINEL_PASSWORD: 'hunter3',
      MYSQL_URL: mysql,
      MYSQL_TLS: 'verify-ca',
      MYSQL_CONNECTIONS_MAX: '20',
      SLOTLOCK_DATA: '/var/lib/slot lock',
      SLOTLOCK_SECRET: `${secret}, ${older}`,
      SLOTLOCK_ORIGINS: 'https://a.example, http://localhost:5173',
      TRUST_PROXY: '10.0.0.0/8, ::1,192.0.2.7',
      REDIS_KEY_PREFIX: 'test:',
      LOG_LEVEL: 'warn',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      LOCK_TTL_MS: '2000',
      LOCK_TTL_MIN_MS: '1000',
      LOCK_TTL_MAX_MS: '3000',
      LOCK_LIFE_MAX_MS: '4000',
      SELECTION_TTL_MS: '5000',
      SLOTS_PER_LOCK_MAX: '6',
      LOCKS_PER_SESSION_MAX: '7',
      LOCKED_SLOTS_PER_SESSION_MAX: '8',
      AUDIT_RETENTION_DAYS: '30',
      RATE_SESSIONS_PER_MINUTE_MAX: '9',
      RATE_REQUESTS_PER_MINUTE_MAX: '10',
      RATE_MESSAGES_PER_SECOND_MAX: '11',
      CONNECTIONS_PER_ADDRESS_MAX: '12',
      RATE_LOCKS_PER_ADDRESS_MAX: '15',
      RATE_LOCKS_PER_SESSION_MAX: '16',
      RATE_LOCKS_PER_CALENDAR_MAX: '17',
      LOCKED_SLOTS_PER_ADDRESS_MAX: '18',
      CONNECTIONS_MAX: '13',
      SHUTDOWN_GRACE_MS: '14'
    }),
    {
      environment: 'production',
      allow: ['any-origin', 'weak-secret'],
      mode: 'redis+sql',
      host: '::',
      port: 0,
      redisUrl: redis,
      redisTls: noFiles,
      redisSentinelPassword: 'hunter3',
      mysqlUrl: mysql,
      mysqlTls: 'verify-ca',
      mysqlTlsFiles: noFiles,
      mysqlConnectionsMax: 20,
      data: '/var/lib/slot lock',
      secrets: [secret, older],
      origins: ['https://a.example', 'http://localhost:5173'],
      trustProxy: ['10.0.0.0/8', '::1', '192.0.2.7'],
      redisKeyPrefix: 'test:',
      logLevel: 'warn',
      otlpEndpoint: 'http://collector:4318',
      limits: {
        lockTtlMs: 2000,
        lockTtlMinMs: 1000,
        lockTtlMaxMs: 3000,
        lockLifeMaxMs: 4000,
        selectionTtlMs: 5000,
        slotsPerLockMax: 6,
        locksPerSessionMax: 7,
        lockedSlotsPerSessionMax: 8
      },
      auditRetentionDays: 30,
      customerKeys: [],
      customerRetentionDays: 0,
      addressRetentionDays: 30,
      hostTokens: undefined,
      siteKeyRequired: false,
      webhooks: { urls: [], secrets: [], types: [], timeoutMs: 15_000, retryMs: 5_000 },
      sessionsPerMinuteMax: 9,
      requestsPerMinuteMax: 10,
      messagesPerSecondMax: 11,
      connectionsPerAddressMax: 12,
      lockLimits: {
        locksPerAddressPerMinuteMax: 15,
        locksPerSessionPerMinuteMax: 16,
        locksPerCalendarPerMinuteMax: 17,
        slotsPerAddressMax: 18
      },
      connectionsMax: 13,
      shutdownGraceMs: 14
    }
  )
})

t.test('nobody changes a setting after the start', async t => {
  const config = readConfig({ SLOTLOCK_ORIGINS: 'https://a.example', SLOTLOCK_SECRET: secret })
  for (const part of [config, config.limits, config.secrets, config.origins, config.trustProxy]) {
    t.ok(Object.isFrozen(part))
  }
})

t.test('the stores decide the mode, and Redis alone is refused with the reason', async t => {
  t.equal(readConfig(shared).mode, 'sql-only')
  t.equal(readConfig({ ...shared, REDIS_URL: redis }).mode, 'redis+sql')
  const problems = problemsOf({ REDIS_URL: redis })
  t.equal(problems.length, 1)
  t.match(problems[0], /MYSQL_URL is not.*never the judge.*Set MYSQL_URL too/)
})

t.test(
  'instances that share a database share a secret, and whoever has none is told how to make one',
  async t => {
    const problems = problemsOf({ MYSQL_URL: mysql })
    t.equal(problems.length, 1)
    t.match(problems[0], /SLOTLOCK_SECRET is missing.*node -p/)
    t.strictSame(readConfig(shared).secrets, [secret])
  }
)

t.test('all mistakes are told in one error, with what to do about each', async t => {
  const env = {
    PORT: '80a',
    LOG_LEVEL: 'verbose',
    REDIS_URL: 'localhost:6379',
    LOCK_TTL_MS: '2000000',
    SLOTLOCK_SECRET: 'short'
  }
  t.strictSame(named(env), ['PORT', 'REDIS_URL', 'SLOTLOCK_SECRET', 'LOG_LEVEL', 'LOCK_TTL_MS'])
  t.throws(() => readConfig(env), {
    name: 'ConfigError',
    message: /^5 settings are wrong.*:\n {2}PORT "80a" is not a whole number from 0 to 65535\n {2}REDIS_URL/
  })
})

t.test('one mistake is not told as two', async t => {
  t.strictSame(
    named({ MYSQL_URL: mysql, SLOTLOCK_SECRET: 'short' }),
    ['SLOTLOCK_SECRET'],
    'not missing as well'
  )
  t.strictSame(named({ REDIS_URL: redis, MYSQL_URL: 'nonsense', SLOTLOCK_SECRET: secret }), ['MYSQL_URL'])
  t.strictSame(named({ LOCK_TTL_MIN_MS: 'x' }), ['LOCK_TTL_MIN_MS'])
})

t.test('a number is written in plain decimal digits', async t => {
  for (const text of [
    '1e3',
    '0x50',
    '+80',
    '-1',
    '80.0',
    '1_000',
    '10s',
    '080',
    '٣',
    'NaN',
    '65536',
    '9'.repeat(40)
  ]) {
    t.strictSame(named({ PORT: text }), ['PORT'], text)
  }
  for (const name of [
    'LOCKS_PER_SESSION_MAX',
    'SLOTS_PER_LOCK_MAX',
    'MYSQL_CONNECTIONS_MAX',
    'LOCK_TTL_MS'
  ]) {
    t.ok(named({ [name]: '0' }).includes(name), `${name} is never 0`)
  }
  for (const { name } of configTable().filter(({ meaning }) => meaning.includes('0 is off'))) {
    t.strictSame(problemsOf({ [name]: '0' }), [], `${name} may be`)
  }
})

t.test('settings that contradict each other are refused, and each such pair is named', async t => {
  const pairs: [Env, RegExp][] = [
    [{ LOCK_TTL_MS: '9999' }, /^LOCK_TTL_MIN_MS is 10000, more than LOCK_TTL_MS, which is 9999/],
    [{ LOCK_TTL_MS: '1800001' }, /^LOCK_TTL_MS is 1800001, more than LOCK_TTL_MAX_MS/],
    [{ LOCK_LIFE_MAX_MS: '1799999' }, /^LOCK_TTL_MAX_MS is 1800000, more than LOCK_LIFE_MAX_MS/],
    [{ SLOTS_PER_LOCK_MAX: '65' }, /^SLOTS_PER_LOCK_MAX is 65, more than LOCKED_SLOTS_PER_SESSION_MAX/],
    [
      { LOCKED_SLOTS_PER_ADDRESS_MAX: '31' },
      /^SLOTS_PER_LOCK_MAX is 32, more than LOCKED_SLOTS_PER_ADDRESS_MAX/
    ],
    [{ LOCKS_PER_SESSION_MAX: '65' }, /^LOCKS_PER_SESSION_MAX is 65, more than LOCKED_SLOTS_PER_SESSION_MAX/]
  ]
  for (const [env, expected] of pairs) {
    const problems = problemsOf(env)
    t.equal(problems.length, 1)
    t.match(problems[0], expected)
  }
  t.strictSame(named({ LOCK_TTL_MIN_MS: '3000000', LOCK_TTL_MAX_MS: '1000' }), [
    'LOCK_TTL_MIN_MS',
    'LOCK_TTL_MS',
    'LOCK_TTL_MIN_MS'
  ])
  t.strictSame(problemsOf({ LOCK_TTL_MS: '10000', LOCK_TTL_MAX_MS: '10000', LOCK_LIFE_MAX_MS: '10000' }), [])
})

t.test('a secret is long, printable, and at most a pair of two different ones', async t => {
  const wrong = ['short', `${secret},short`, `${secret},`, `,${secret}`, `${secret},${secret}`]
  for (const text of [...wrong, `${secret},${older},${secret}x`, `${secret} with blanks`, `${secret}ä`]) {
    t.strictSame(named({ SLOTLOCK_SECRET: text }), ['SLOTLOCK_SECRET'], text)
  }
  t.strictSame(problemsOf({ SLOTLOCK_SECRET: 'x'.repeat(32) }), [])
  t.strictSame(named({ SLOTLOCK_SECRET: 'x'.repeat(31) }), ['SLOTLOCK_SECRET'])
})

t.test('an origin is scheme, host and port, and nothing else', async t => {
  for (const text of ['https://a.example/', 'https://a.example/x', 'a.example', 'null', 'ftp://a.example']) {
    t.strictSame(named({ SLOTLOCK_ORIGINS: text }), ['SLOTLOCK_ORIGINS'], text)
  }
  for (const text of [
    'https://A.example',
    'https://a.example:443',
    'https://*.example',
    '*,https://a.example'
  ]) {
    t.strictSame(named({ SLOTLOCK_ORIGINS: text }), ['SLOTLOCK_ORIGINS'], text)
  }
  t.match(problemsOf({ SLOTLOCK_ORIGINS: 'https://a.example/x' })[0], 'its origin is https://a.example')
  t.strictSame(readConfig({ SLOTLOCK_ORIGINS: '*' }).origins, ['*'])
})

t.test('a proxy is an address or a network', async t => {
  for (const text of [
    'true',
    '1',
    'proxy.example',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0'
  ]) {
    t.strictSame(named({ TRUST_PROXY: text }), ['TRUST_PROXY'], text)
  }
  t.strictSame(readConfig({ TRUST_PROXY: '0.0.0.0/0,::/0' }).trustProxy, ['0.0.0.0/0', '::/0'])
})

t.test('a store is named by a URL of its own kind', async t => {
  for (const url of [
    'localhost',
    'redis:6379',
    'http://cache.example',
    'mysql://cache.example',
    'redis://',
    'redis://cache.example/abc',
    'redis://cache.example/1/2',
    'redis://:100%@cache.example'
  ]) {
    t.strictSame(named({ ...shared, REDIS_URL: url }), ['REDIS_URL'], url)
  }
  for (const url of [
    'mysql://db.example',
    'mysql://db.example/',
    'postgres://db.example/x',
    'db.example/x'
  ]) {
    t.strictSame(named({ ...shared, MYSQL_URL: url }), ['MYSQL_URL'], url)
  }
  for (const url of ['rediss://cache.example', 'valkey://cache.example/3', 'valkeys://cache.example/']) {
    t.strictSame(problemsOf({ ...shared, REDIS_URL: url }), [], url)
    t.doesNotThrow(() => parseRedisUrl({ url }), 'what the setting lets through can be connected to')
  }
  t.strictSame(problemsOf({ ...shared, MYSQL_URL: 'mariadb://db.example/x' }), [])
})

t.test('a prefix without braces keeps the hash tag of each calendar', async t => {
  for (const prefix of ['{slotlock}:', 'a b', 'x'.repeat(65)]) {
    t.strictSame(named({ REDIS_KEY_PREFIX: prefix }), ['REDIS_KEY_PREFIX'], prefix)
  }
})

t.test('no secret is in an error either', async t => {
  for (const env of [
    { SLOTLOCK_SECRET: 'hunter2' },
    { SLOTLOCK_SECRET: `hunter2 ${secret}` },
    { ...shared, MYSQL_URL: 'mysql://slotlock:hunter2@db.example' },
    { ...shared, MYSQL_URL: 'mysql://slotlock:hunter2#/?@db.example:x/y' },
    { ...shared, REDIS_URL: 'http://:hunter2@cache.example' },
    { REDIS_URL: 'redis://:hunter2@cache.example' }
  ]) {
    const problems = problemsOf(env)
    t.ok(problems.length > 0)
    t.notMatch(problems.join('\n'), /hunter2/)
  }
})

t.test('whatever the variables hold, the answer is a configuration or a list of problems', async t => {
  const anyName = fc.constantFrom(...configTable().map(({ name }) => name))
  const anyText = fc.oneof(fc.string(), fc.webUrl(), fc.integer().map(String), fc.ipV4(), fc.constant('*'))
  fc.assert(
    fc.property(fc.dictionary(anyName, anyText), env => {
      const problems = problemsOf(env)
      return problems.every(problem => configTable().some(({ name }) => problem.startsWith(`${name} `)))
    }),
    { numRuns: 500 }
  )
  t.pass('and nothing else')
})
