import t from 'tap'
import { configTable, printConfig, readConfig } from '../../src/config.js'
import { weaknessOf } from '../../src/settings/secret-strength.js'
import { problemsOf } from './problems.js'

const strong = 'f7Jx2nQvR8wKzB4mT0yLhD6uEsPa9cGi1oXqW3rUk5M'
const production = {
  SLOTLOCK_ENV: 'production',
  MYSQL_URL: 'mysql://a@db.example/b',
  SLOTLOCK_SECRET: strong
}

t.test(
  'production refuses what is weak, says what to do, and takes it from who says that they mean it',
  async t => {
    const weak = {
      ...production,
      SLOTLOCK_SECRET: 'a-secret-that-all-instances-of-a-test-share',
      SLOTLOCK_ORIGINS: '*'
    }
    const problems = problemsOf(weak)
    t.equal(problems.length, 2)
    t.match(problems[0], /^SLOTLOCK_ORIGINS is \*.*SLOTLOCK_ALLOW=any-origin/)
    t.match(problems[1], /^SLOTLOCK_SECRET is weak.*randomBytes/)
    t.notMatch(problems[1], 'instances', 'without repeating it')
    t.equal(problemsOf({ ...weak, SLOTLOCK_ALLOW: 'any-origin' }).length, 1)
    t.strictSame(problemsOf({ ...weak, SLOTLOCK_ALLOW: 'any-origin,weak-secret' }), [])
    t.strictSame(problemsOf({ ...weak, SLOTLOCK_ENV: 'development' }), [], 'and development never asks')
    t.strictSame(problemsOf({ ...production, SLOTLOCK_ORIGINS: 'https://a.example' }), [])
    t.equal(
      problemsOf({ ...production, SLOTLOCK_SECRET: `${strong},${'ab'.repeat(16)}` }).length,
      1,
      'the old one too'
    )
  }
)

t.test('embedded in production is a folder that does not depend on where one stands', async t => {
  t.match(problemsOf({ SLOTLOCK_ENV: 'production' }), [/^SLOTLOCK_DATA is not an absolute path/])
  t.strictSame(problemsOf({ SLOTLOCK_ENV: 'production', SLOTLOCK_DATA: '/var/lib/slotlock' }), [])
})

t.test('a preset is a set of defaults: what is said wins, and the table names both', async t => {
  t.match(readConfig(production), {
    sessionsPerMinuteMax: 600,
    requestsPerMinuteMax: 6_000,
    connectionsPerAddressMax: 200
  })
  t.match(readConfig({ ...production, RATE_SESSIONS_PER_MINUTE_MAX: '7' }), { sessionsPerMinuteMax: 7 })
  t.match(readConfig({}), { environment: 'development', sessionsPerMinuteMax: 3_000 })
  t.match(
    printConfig(readConfig(production)),
    /^SLOTLOCK_ENV=production\n[\s\S]*RATE_SESSIONS_PER_MINUTE_MAX=600\n/
  )
  t.match(
    configTable().find(({ name }) => name === 'RATE_SESSIONS_PER_MINUTE_MAX'),
    { default: '3000; production 600' }
  )
})

t.test('random secrets are strong in every usual spelling, what people type is not', async t => {
  const random = [
    strong,
    '9f2c7a1e5b8d03462ac17fe98b3d5047', // 16 bytes in hexadecimal
    '9f2c7a1e5b8d03462ac17fe98b3d504716e0cc2b7d894f5a03b1e6d2f7a8c945',
    '3f8a1c2e-9b7d-4e60-8a15-c2d7f0b9e463',
    'tuba sling ocean fender patio quilt mango'.replaceAll(' ', '-')
  ]
  for (const secret of random) t.equal(weaknessOf(secret), undefined, secret)
  const typed = [
    'x'.repeat(40),
    'abc'.repeat(15),
    'abcdefghijklmnopqrstuvwxyz0123456789',
    '01'.repeat(20),
    'my-very-long-PASSWORD-nobody-guesses-it',
    'change-me-change-me-please-change-me!!',
    'aabbccaabbccddaabbccaabbddccaabb'
  ]
  for (const secret of typed) t.type(weaknessOf(secret), 'string', secret)
})
