import t from 'tap'
import { parseRedisUrl } from '../../../src/stores/redis/address.js'

t.test('the forms of REDIS_URL', async t => {
  const plain = { host: 'db.example', port: 6379, db: 0 }
  const forms: [string, object][] = [
    ['redis://db.example', plain],
    ['redis://db.example/', plain],
    ['valkey://db.example:6380/2', { ...plain, port: 6380, db: 2 }],
    ['redis://:secret@db.example', { ...plain, password: 'secret' }],
    ['redis://ann:s%40fe@db.example/1', { ...plain, db: 1, username: 'ann', password: 's@fe' }],
    ['redis://[::1]:6380', { ...plain, host: '::1', port: 6380 }],
    ['rediss://db.example', { ...plain, tls: { servername: 'db.example' } }],
    ['valkeys://db.example', { ...plain, tls: { servername: 'db.example' } }],
    ['rediss://192.0.2.1', { ...plain, host: '192.0.2.1', tls: {} }]
  ]
  for (const [url, expected] of forms) t.strictSame(parseRedisUrl({ url }), expected, url)
})

t.test('the options for TLS are passed on', async t => {
  t.strictSame(parseRedisUrl({ url: 'rediss://db.example', tls: { ca: 'pem', servername: 'other' } }).tls, {
    servername: 'other',
    ca: 'pem'
  })
})

t.test('what is no such address is refused, without repeating a password', async t => {
  for (const url of [
    '',
    'db.example:6379',
    'http://db.example',
    'redis://',
    'redis://ann:secret@db.example/one',
    'redis://ann:secret@one.example,two.example',
    'redis+sentinel://ann:secret@one.example',
    'redis+sentinel://ann:secret@one.example/',
    'redis+sentinel://ann:secret@one.example,/main',
    'redis+sentinel://ann:secret@one.example,two.example:x/main',
    'redis+sentinel://ann:secret@one.example/main/x'
  ]) {
    t.throws(() => parseRedisUrl({ url }), /^REDIS_URL must be redis:/, url)
    try {
      parseRedisUrl({ url })
    } catch (error) {
      t.notMatch(String(error), /secret/)
    }
  }
})

t.test('Sentinels are a list, with the name of the group behind it', async t => {
  const forms: [string, object][] = [
    [
      'redis+sentinel://one.example,[::1]:26380/main',
      {
        sentinels: [
          { host: 'one.example', port: 26_379 },
          { host: '::1', port: 26_380 }
        ],
        name: 'main',
        db: 0
      }
    ],
    [
      'redis+sentinel://ann:s%40fe@one.example:5000/the%20group/3',
      {
        sentinels: [{ host: 'one.example', port: 5_000 }],
        name: 'the group',
        db: 3,
        username: 'ann',
        password: 's@fe'
      }
    ]
  ]
  for (const [url, expected] of forms) t.strictSame(parseRedisUrl({ url }), expected, url)
  t.match(
    parseRedisUrl({ url: 'rediss+sentinel://one.example/main', tls: { ca: 'pem' }, sentinelPassword: 'x' }),
    {
      enableTLSForSentinelMode: true,
      tls: { ca: 'pem' },
      sentinelTLS: { ca: 'pem' },
      sentinelPassword: 'x'
    }
  )
})
