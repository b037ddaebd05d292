import { METHODS } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { answersIn, RawSocket } from '../helpers/raw-socket.js'
import { type Case, count } from './case.js'
import type { Dice } from './dice.js'
import { oddText } from './odd-values.js'
import { wrongHttpAnswer } from './verdict.js'

/**
 * HTTP below what a client library would send: request lines, headers, lengths and chunks that are wrong or ambiguous,
 * requests that never end, and paths that lead elsewhere. Whatever it is, it is answered or the connection closed, and
 * what was one request has one answer.
 */

interface Thrown {
  name: string
  bytes: Buffer | string
  /** More answers than this mean that a request was smuggled in. */
  answersMax: number
  /** By the byte, with pauses in between. */
  drip?: boolean
  /** Goes without waiting. */
  leaves?: boolean
  /** Exactly so many answers, each well formed. */
  answers?: number
}

const host = 'Host: 127.0.0.1\r\n'
const bomb = gzipSync(Buffer.alloc(1_000_000, 'a'))
/** Somebody else's request, hidden in the body of another. */
const hidden = `PUT /v1/calendars/smuggled HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`
const traversals = [
  '/../../../../etc/passwd',
  '/..%2f..%2f..%2fetc%2fpasswd',
  '/%2e%2e/%2e%2e/package.json',
  '/docs/static/..%2f..%2f..%2fpackage.json',
  '/docs/..\\..\\package.json',
  '/slot-picker.js/../../package.json',
  '/.%00/package.json',
  '/%c0%ae%c0%ae/package.json',
  '//etc/passwd',
  '/file:///etc/passwd',
  '/.env',
  '/.slotlock/slotlock.db'
]
const paths = [
  '/',
  '/v1/calendars',
  '/v1/locks',
  '/v1/ws',
  '/v1/sessions',
  '/health',
  '/metrics',
  '/docs',
  '/docs/json',
  '/staff',
  '/slot-picker.js',
  '/v1/openapi.json',
  '/nothing',
  '/v1/calendars/demo',
  '*'
]

const one = (name: string, bytes: Buffer | string, more: Partial<Thrown> = {}): Thrown => ({
  name,
  bytes,
  answersMax: 1,
  ...more
})
const lengths = ['-1', '+5', '0x5', '5, 5', '5, 6', '1e1', '99999999999999999999', '', ' ', '5\t', '٥']
const codings = [
  'chunked, identity',
  'identity, chunked',
  'xchunked',
  'chunked\t',
  ' chunked',
  'Chunked',
  'gzip, chunked',
  'chunked, chunked',
  '\x0bchunked',
  'chunked;q=1'
]
const chunkSizes = [
  'ZZ',
  '-1',
  'FFFFFFFFFFFFFFFF',
  '0x5',
  '5 ',
  ' 5',
  '5;a=b',
  `5;${'x'.repeat(20_000)}`,
  '00000000000000000005',
  '5\n',
  ''
]
const lines = [
  'GET',
  'GET /',
  'GET / HTTP/9.9',
  'GET / HTTP/1.1 ',
  'GET  / HTTP/1.1',
  'get / HTTP/1.1',
  'GET /\u00e9 HTTP/1.1',
  'GET /\0 HTTP/1.1',
  'GET http://evil.example/v1/calendars HTTP/1.1',
  'GET /%zz HTTP/1.1',
  'GET /? HTTP/1.1',
  'GET # HTTP/1.1',
  'CONNECT evil.example:443 HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'PRI * HTTP/2.0',
  'GET / HTTP/1.0',
  '\r\n\r\nGET / HTTP/1.1',
  ' GET / HTTP/1.1',
  `GET /${'a'.repeat(20_000)} HTTP/1.1`,
  `${'A'.repeat(5_000)} / HTTP/1.1`
]
const headers = [
  'Host: a\r\nHost: b',
  'Host : a',
  'X:\0',
  ' X: folded',
  'X: a\r\n b: folded',
  'X: a\nY: b',
  'X: a\rY: b',
  ': empty',
  'X\u00e9: a',
  'Expect: 100-continue',
  'Expect: the-unexpected',
  'Content-Encoding: gzip',
  'Range: bytes=0-0,5-1,-',
  'Range: bytes=99999999999-',
  'If-None-Match: *',
  'If-Modified-Since: yesterday',
  'Accept: \u00ff',
  'Accept-Encoding: *;q=0, identity;q=0',
  'Connection: close, upgrade, x',
  'Upgrade: h2c\r\nHTTP2-Settings: AAAA',
  'Upgrade: websocket\r\nConnection: Upgrade',
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short',
  'Origin: https://evil.example',
  'Access-Control-Request-Method: PUT\r\nOrigin: https://evil.example',
  'X-Forwarded-For: 1.2.3.4, ::::, 999.1.1.1',
  'X-Forwarded-Host: evil.example',
  'X-HTTP-Method-Override: DELETE',
  `Cookie: ${'a=b; '.repeat(500)}`,
  `X: ${'y'.repeat(20_000)}`,
  Array.from({ length: 3_000 }, (_, index) => `X-${index}: 1`).join('\r\n')
]

const post = (more: string, body: string): string =>
  `POST /v1/sessions HTTP/1.1\r\n${host}Content-Type: application/json\r\n${more}\r\n\r\n${body}`

const makers: readonly (readonly [number, (dice: Dice) => Thrown])[] = [
  [2, dice => one('bytes', dice.bytes(dice.int(1, 400)), { answersMax: 2 })],
  [4, dice => one('a request line', `${dice.pick(lines)}\r\n${host}\r\n`)],
  [
    6,
    dice =>
      one(
        'a header',
        `${dice.pick(['GET', 'OPTIONS'])} ${dice.pick(paths)} HTTP/1.1\r\n${dice.chance(0.9) ? host : ''}${dice.pick(headers)}\r\n\r\n`,
        { answersMax: 2 }
      )
  ],
  [
    3,
    dice =>
      one(
        'a header of odd text',
        `GET ${dice.pick(paths)} HTTP/1.1\r\n${host}X-${dice.int(0, 9)}: ${Buffer.from(oddText(dice)).toString('latin1')}\r\n\r\n`,
        { answersMax: 3 }
      )
  ],
  [
    4,
    dice =>
      one(
        'a method',
        `${dice.pick([...METHODS, 'FOO', 'SLOTLOCK'])} ${dice.pick(paths)} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
      )
  ],
  [3, dice => one('a length', post(`Content-Length: ${dice.pick(lengths)}`, '{"a":'))],
  [
    3,
    dice =>
      one(
        'two lengths',
        post(`Content-Length: 2\r\nContent-Length: ${dice.pick(['2', '40', '0'])}`, `{}${hidden}`),
        { answersMax: 2 }
      )
  ],
  [
    4,
    dice =>
      one(
        'a length and chunks',
        post(
          `Content-Length: ${dice.pick([4, 0, 40])}\r\nTransfer-Encoding: ${dice.pick(['chunked', ...codings])}`,
          `0\r\n\r\n${hidden}`
        )
      )
  ],
  [
    3,
    dice =>
      one('a coding', post(`Transfer-Encoding: ${dice.pick(codings)}`, `0\r\n\r\n${hidden}`), {
        answersMax: 2
      })
  ],
  [
    3,
    dice =>
      one(
        'chunks',
        post('Transfer-Encoding: chunked', `${dice.pick(chunkSizes)}\r\n{"a":\r\n0\r\nX: trailer\r\n\r\n`)
      )
  ],
  [
    2,
    dice =>
      one(
        'a body that is packed',
        Buffer.concat([
          Buffer.from(
            post(`Content-Encoding: ${dice.pick(['gzip', 'br', 'x'])}\r\nContent-Length: ${bomb.length}`, '')
          ),
          bomb
        ])
      )
  ],
  [
    2,
    dice =>
      one(
        'a body that is too large',
        post(`Content-Length: ${dice.pick([16_385, 2_000_000])}`, 'x'.repeat(50_000)),
        { answersMax: 1 }
      )
  ],
  [4, dice => one('a path', `GET ${dice.pick(traversals)} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)],
  [
    3,
    dice => {
      const many = dice.int(2, 40)
      return one(
        'a pipeline',
        dice
          .times(many, index => `GET ${index % 2 === 0 ? '/livez' : '/v1/calendars'} HTTP/1.1\r\n${host}\r\n`)
          .join(''),
        { answersMax: many, answers: many }
      )
    }
  ],
  [
    1,
    () =>
      one('a dripping request', `GET /livez HTTP/1.1\r\n${host}X: drip\r\n\r\n`, { drip: true, answers: 1 })
  ],
  [
    2,
    dice =>
      one(
        'half a request',
        `POST /v1/sessions HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\n${'x'.repeat(dice.int(0, 900))}`,
        { leaves: dice.chance(0.6) }
      )
  ],
  [
    1,
    () =>
      one(
        'a poll that nobody waits for',
        `GET /v1/calendars/demo/changes?from=2030-01-01&to=2030-01-01&since=0&wait=25 HTTP/1.1\r\n${host}\r\n`,
        { leaves: true }
      )
  ]
]

/** What is on this machine and no business of anybody's. */
const inside = /root:.*:0:0|"devDependencies"|SQLite format 3/

export async function httpBytes(of: Case): Promise<void> {
  const thrown = of.dice.weighted(makers)(of.dice)
  const { name, bytes } = thrown
  of.step(`${name}: ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}`)
  count(of.tally.sent, 'raw HTTP')
  const socket = await RawSocket.connect(of.world.port)
  if (thrown.drip) {
    for (const byte of bytes.toString('latin1')) {
      socket.write(byte)
      await pause(1)
    }
  } else socket.write(bytes)
  if (thrown.leaves) {
    await pause(of.dice.int(0, 20))
    socket.drop()
    count(of.tally.outcomes, 'left')
    await socket.closed()
    return
  }
  if (thrown.answers !== undefined) await socket.hears(heard => countAnswers(heard) >= thrown.answers!)
  // Node drops what is not answered yet when its client ends
  if (bytes.includes('Connection: close')) await socket.hears(() => false)
  if (!(await socket.finish())) of.finds('a connection that was ended ends', name)
  judge(thrown, socket.heard, of)
  await socket.closed()
}

function countAnswers(heard: Buffer): number {
  try {
    return answersIn(heard).length
  } catch {
    return 0
  }
}

function judge(thrown: Thrown, heard: Buffer, of: Case): void {
  const said = heard.toString('latin1')
  if (inside.test(said)) of.finds('no file is given out', said.slice(0, 500))
  // a handshake that succeeded is no HTTP any more
  if (said.startsWith('HTTP/1.1 101')) return
  try {
    const isHead = /^HEAD /.test(thrown.bytes.toString('latin1'))
    const answers = answersIn(heard, isHead ? ['HEAD'] : [])
    for (const answer of answers) {
      count(of.tally.outcomes, String(answer.status))
      const wrong = isHead ? undefined : wrongHttpAnswer(undefined, answer)
      if (wrong !== undefined || answer.status >= 500)
        of.finds('an answer has its shape', wrong ?? `${answer.status} ${answer.body}`)
    }
    if (answers.length === 0) count(of.tally.outcomes, 'closed without an answer')
    if (answers.length > thrown.answersMax) of.finds('one request has one answer', said.slice(0, 1_000))
    if (thrown.answers !== undefined && answers.length !== thrown.answers)
      of.finds('each request is answered', `${answers.length} of ${thrown.answers}`)
    if (answers.some(({ body }) => body.includes('"smuggled"'))) of.finds('one request has one answer', said)
  } catch (error) {
    of.finds('what comes back is HTTP', `${String(error)}: ${said.slice(0, 500)}`)
  }
}
