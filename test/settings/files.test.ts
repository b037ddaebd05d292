import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { printConfig, readConfig } from '../../src/config.js'
import { mysqlTlsOf, redisAddressOf } from '../../src/store-addresses.js'
import { Authority } from '../helpers/certificates.js'
import { problemsOf } from './problems.js'

const secret = 'f7Jx2nQvR8wKzB4mT0yLhD6uEsPa9cGi1oXqW3rUk5M'
const stores = {
  SLOTLOCK_SECRET: secret,
  MYSQL_URL: 'mysql://slotlock:hunter2@db.example/slotlock',
  REDIS_URL: 'rediss://:hunter2@cache.example'
}
const folder = mkdtempSync(join(tmpdir(), 'slotlock-settings-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const fileOf = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const authority = new Authority(t)
const { cert, key } = authority.issue('slotlock')
const other = authority.issue('other')

t.test('the PEM files are read at once and reach the stores; what is printed are their paths', async t => {
  const env = {
    ...stores,
    ...{ REDIS_TLS_CA: authority.ca, REDIS_TLS_CERT: cert, REDIS_TLS_KEY: key },
    ...{ MYSQL_TLS: 'verify-full', MYSQL_TLS_CA: authority.ca, MYSQL_TLS_CERT: cert, MYSQL_TLS_KEY: key }
  }
  const config = readConfig(env)
  const pems = { ca: /BEGIN CERTIFICATE/, cert: /BEGIN CERTIFICATE/, key: /BEGIN PRIVATE KEY/ }
  t.match(redisAddressOf(config), { url: stores.REDIS_URL, tls: pems })
  t.match(mysqlTlsOf(config), { ...pems, verifyIdentity: true })
  t.match(printConfig(config), `REDIS_TLS_KEY=${key}\n`)
  t.notMatch(printConfig(config), /BEGIN/)
  t.equal(mysqlTlsOf(readConfig(stores)), undefined)
})

t.test('a file that is missing, wrong, alone or without use is told, all at once', async t => {
  const nonsense = fileOf('nonsense.pem', '-----BEGIN CERTIFICATE-----\nhunter2\n')
  const cases: [Record<string, string>, RegExp[]][] = [
    [{ REDIS_TLS_CA: join(folder, 'missing.pem') }, [/^REDIS_TLS_CA .* cannot be read: ENOENT/]],
    [{ REDIS_TLS_CA: folder }, [/cannot be read: EISDIR/]],
    [{ REDIS_TLS_CA: nonsense }, [/^REDIS_TLS_CA .* holds no certificate/]],
    [{ REDIS_TLS_CERT: cert, REDIS_TLS_KEY: cert }, [/^REDIS_TLS_KEY .* holds no private key/]],
    [{ REDIS_TLS_CERT: cert }, [/^REDIS_TLS_CERT is set and REDIS_TLS_KEY is not/]],
    [{ REDIS_TLS_CERT: cert, REDIS_TLS_KEY: other.key }, [/^REDIS_TLS_KEY is not the key to REDIS_TLS_CERT/]],
    [{ REDIS_URL: 'redis://cache.example', REDIS_TLS_CA: authority.ca }, [/does not begin with rediss/]],
    [{ MYSQL_TLS_CA: authority.ca }, [/^MYSQL_TLS_CA is set and MYSQL_TLS is off/]],
    [{ MYSQL_TLS: 'verify-full', MYSQL_URL: 'mysql://a@127.0.0.1/b' }, [/an address for a host/]],
    [
      { MYSQL_TLS: 'on', REDIS_TLS_CERT: nonsense, REDIS_TLS_KEY: nonsense },
      [/^REDIS_TLS_CERT/, /^REDIS_TLS_KEY/, /^MYSQL_TLS "on"/]
    ]
  ]
  for (const [change, expected] of cases) {
    const problems = problemsOf({ ...stores, ...change })
    t.equal(problems.length, expected.length, JSON.stringify(problems))
    for (const [index, pattern] of expected.entries()) t.match(problems[index], pattern)
    t.notMatch(problems.join(), /hunter2/)
  }
})

t.test('a secret may lie in a file, as containers and systemd hand them over', async t => {
  const env = {
    SLOTLOCK_SECRET_FILE: fileOf('secret', `${secret}\n`),
    MYSQL_URL_FILE: fileOf('mysql', stores.MYSQL_URL),
    REDIS_URL_FILE: fileOf('redis', stores.REDIS_URL)
  }
  t.strictSame(readConfig(env), readConfig(stores))
  t.match(problemsOf({ ...env, SLOTLOCK_SECRET: secret }), [
    /^SLOTLOCK_SECRET and SLOTLOCK_SECRET_FILE are both set/
  ])
  t.match(problemsOf({ ...env, MYSQL_URL_FILE: join(folder, 'missing') }), [
    /^MYSQL_URL_FILE .* cannot be read: ENOENT/
  ])
  t.match(problemsOf({ ...stores, SLOTLOCK_SECRET: '', SLOTLOCK_SECRET_FILE: fileOf('short', 'hunter2') }), [
    /^SLOTLOCK_SECRET has a secret of 7 characters/
  ])
})

t.test('Sentinels are masked like one server', async t => {
  const url = 'redis+sentinel://ann:hunter2@one.example:26379,two.example/main'
  const printed = printConfig(readConfig({ ...stores, REDIS_URL: url, REDIS_SENTINEL_PASSWORD: 'hunter3' }))
  t.match(printed, 'REDIS_URL=redis+sentinel://ann:***@one.example:26379,two.example/main\n')
  t.match(printed, 'REDIS_SENTINEL_PASSWORD=***\n')
  t.notMatch(printed, /hunter/)
  for (const wrong of ['redis+sentinel://one.example', 'redis+sentinel://ann:hunter2@one.example,/main']) {
    const problems = problemsOf({ ...stores, REDIS_URL: wrong })
    t.match(problems, [/^REDIS_URL is not a URL like redis\+sentinel/])
    t.notMatch(problems.join(), /hunter2/)
  }
})
