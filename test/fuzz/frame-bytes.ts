import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { RawSocket } from '../helpers/raw-socket.js'
import { answerWithinMs, type Case, count } from './case.js'
import type { Dice } from './dice.js'

/**
 * WebSocket below what a library would send: frames with wrong bits, lengths and masks, in pieces, out of order, cut
 * off. The connection is closed with a code that says why, or it goes on and the ping behind all of it is answered.
 */

interface Head {
  final?: boolean
  reserved?: number
  opcode?: number
  masked?: boolean
  /** How the length is written; by default as short as can be. */
  width?: 0 | 2 | 8
  /** What is claimed; by default what is there. */
  claimed?: bigint
}

function frame(payload: Buffer, head: Head = {}): Buffer {
  const { final = true, reserved = 0, opcode = 1, masked = true } = head
  const length = head.claimed ?? BigInt(payload.length)
  const width = head.width ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8)
  const start = Buffer.alloc(2 + width)
  start[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  start[1] = (masked ? 0x80 : 0) | (width === 0 ? Number(length & 127n) : width === 2 ? 126 : 127)
  if (width === 2) start.writeUInt16BE(Number(length & 0xffffn), 2)
  if (width === 8) start.writeBigUInt64BE(BigInt.asUintN(64, length), 2)
  if (!masked) return Buffer.concat([start, payload])
  const mask = randomBytes(4)
  return Buffer.concat([start, mask, payload.map((byte, index) => byte ^ mask[index % 4]!)])
}

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const hello = frame(text({ id: 1, type: 'hello' }))
const ping = (): Buffer => frame(text({ id: 'last', type: 'ping' }))

/** `legal`: the protocol allows it, and the connection goes on. */
interface Thrown {
  name: string
  bytes: Buffer
  legal?: boolean
}

const pieces = (parts: Buffer[]): Buffer =>
  Buffer.concat(
    parts.map((part, index) =>
      frame(part, { opcode: index === 0 ? 1 : 0, final: index === parts.length - 1 })
    )
  )

const makers: readonly (readonly [number, (dice: Dice) => Thrown])[] = [
  [3, dice => ({ name: 'bytes', bytes: dice.bytes(dice.int(1, 200)) })],
  [
    3,
    dice => ({ name: 'an opcode', bytes: frame(text({ id: 2, type: 'ping' }), { opcode: dice.int(2, 15) }) })
  ],
  [
    2,
    dice => ({
      name: 'reserved bits',
      bytes: frame(text({ id: 2, type: 'ping' }), { reserved: dice.int(1, 7) })
    })
  ],
  [2, () => ({ name: 'no mask', bytes: frame(text({ id: 2, type: 'ping' }), { masked: false }) })],
  [
    3,
    dice => ({
      name: 'a length written too long',
      bytes: frame(text({ id: 2, type: 'ping' }), { width: dice.pick([2, 8]) })
    })
  ],
  [
    3,
    dice => ({
      name: 'a length that is not there',
      bytes: frame(Buffer.from('{'), {
        claimed: dice.pick([5n, 126n, 16_385n, 65_536n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
      })
    })
  ],
  [2, dice => ({ name: 'too large', bytes: frame(Buffer.alloc(dice.pick([16_385, 100_000]), 'x')) })],
  [
    2,
    () => ({
      name: 'as large as may be',
      bytes: frame(Buffer.concat([text({ id: 2, type: 'ping' }), Buffer.alloc(16_384 - 22, ' ')])),
      legal: true
    })
  ],
  [
    2,
    dice => ({
      name: 'a control frame that is too long',
      bytes: frame(Buffer.alloc(126, 'x'), { opcode: dice.pick([8, 9, 10]) })
    })
  ],
  [
    2,
    dice => ({
      name: 'a control frame in pieces',
      bytes: frame(Buffer.from('x'), { opcode: dice.pick([8, 9, 10]), final: false })
    })
  ],
  [2, () => ({ name: 'a piece of nothing', bytes: frame(Buffer.from('x'), { opcode: 0 }) })],
  [
    2,
    () => ({
      name: 'a message within another',
      bytes: Buffer.concat([
        frame(Buffer.from('{"id":2,'), { final: false }),
        frame(text({ id: 3, type: 'ping' }))
      ])
    })
  ],
  [
    2,
    dice => ({
      name: 'a message in pieces',
      bytes: pieces(
        [...JSON.stringify({ id: 2, type: 'ping' })]
          .map(letter => Buffer.from(letter))
          .slice(0, dice.int(2, 22))
      ),
      legal: true
    })
  ],
  [
    2,
    dice => ({
      name: 'too many pieces',
      bytes: pieces(dice.times(dice.pick([65, 300]), () => Buffer.from('x')))
    })
  ],
  [
    1,
    () => ({
      name: 'empty pieces',
      bytes: pieces(Array.from({ length: 60 }, () => Buffer.alloc(0))),
      legal: true
    })
  ],
  [
    2,
    dice => ({
      name: 'a ping between pieces',
      bytes: Buffer.concat([
        frame(Buffer.from('{"id":2,"type":'), { final: false }),
        frame(Buffer.from('x'), { opcode: dice.pick([9, 10]) }),
        frame(Buffer.from('"ping"}'), { opcode: 0 })
      ]),
      legal: true
    })
  ],
  [2, () => ({ name: 'no UTF-8', bytes: frame(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])) })],
  [
    2,
    () => ({
      name: 'no UTF-8 across pieces',
      bytes: pieces([Buffer.from([0x22, 0xf0, 0x9f]), Buffer.from([0x22])])
    })
  ],
  [
    2,
    dice => ({
      name: 'a close',
      bytes: frame(
        dice.pick([
          Buffer.alloc(0),
          Buffer.from([3]),
          Buffer.from([0, 0]),
          Buffer.from([3, 237]),
          Buffer.from([0x0b, 0xb8, 0xff]),
          Buffer.from([3, 232, ...Buffer.from('bye')])
        ]),
        { opcode: 8 }
      )
    })
  ],
  [
    2,
    dice => {
      const many = dice.pick([10, 500])
      return {
        name: 'many pings',
        bytes: Buffer.concat(
          dice.times(many, () => frame(Buffer.alloc(dice.int(0, 125), 'p'), { opcode: 9 }))
        ),
        // ws hangs up on who has 60 pongs to come
        legal: many === 10
      }
    }
  ],
  [
    2,
    dice => ({
      name: 'many messages',
      bytes: Buffer.concat(
        dice.times(60, index =>
          frame(text({ id: index + 10, type: dice.pick(['ping', 'locks', 'nothing']) }))
        )
      ),
      legal: true
    })
  ]
]

const handshake = (protocol: boolean): string =>
  'GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${protocol ? 'Sec-WebSocket-Protocol: slotlock.v1\r\n' : ''}` +
  // asked for, and not to be had: a frame that says it is packed is then an error
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n'

/** With BUSY, where too many came before hello was answered. */
const isAnswered = (heard: Buffer): boolean =>
  heard.includes('"id":"last","ok":true') || heard.includes('"id":"last","ok":false,"error":{"code":"BUSY"')

const allowedCloses = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1005])

export async function frameBytes(of: Case): Promise<void> {
  const { dice } = of
  const all = dice.times(dice.int(1, 3), () => dice.weighted(makers)(dice))
  of.step(all.map(({ name, bytes }) => `${name}: ${bytes.subarray(0, 60).toString('hex')}`).join(' | '))
  count(of.tally.sent, 'raw frames', all.length)
  const greets = dice.chance(0.8)
  const parts = [
    Buffer.from(handshake(dice.chance(0.8))),
    ...(greets ? [hello] : []),
    ...all.map(({ bytes }) => bytes),
    ping()
  ]
  const socket = await RawSocket.connect(of.world.port)
  const whole = Buffer.concat(parts)
  if (dice.chance(0.3)) {
    // torn anywhere, also within a header
    for (let from = 0, to = 0; from < whole.length; from = to) {
      to = Math.min(whole.length, from + dice.int(1, 400))
      socket.write(whole.subarray(from, to))
      if (dice.chance(0.2)) await pause(1)
    }
  } else socket.write(whole)
  if (dice.chance(0.15)) {
    socket.drop()
    count(of.tally.outcomes, 'left')
    await socket.closed()
    return
  }
  const legal = greets && all.every(({ legal }) => legal === true)
  if (legal) {
    if (!(await socket.hears(isAnswered, answerWithinMs)) || !isAnswered(socket.heard))
      of.finds('what is legal is answered', JSON.stringify(framesIn(socket.heard).at(-1)))
  }
  if (!(await socket.finish()))
    of.finds('a connection that was ended ends', all.map(({ name }) => name).join())
  // who is hung up on without a word may not even have heard the first one
  if (legal || socket.heard.length > 0) judge(socket.heard, of)
  await socket.closed()
}

function judge(heard: Buffer, of: Case): void {
  const head = heard.indexOf('\r\n\r\n')
  if (!heard.subarray(0, head).toString('latin1').startsWith('HTTP/1.1 101 ')) {
    of.finds('a handshake that is right succeeds', heard.subarray(0, 300).toString('latin1'))
    return
  }
  for (const { opcode, payload } of framesIn(heard)) {
    if (opcode === 8) {
      const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0)
      count(of.tally.outcomes, `close ${code}`)
      if (!allowedCloses.has(code))
        of.finds('a socket is closed for a reason', `${code} ${payload.subarray(2).toString()}`)
    } else if (opcode === 1) {
      const said = payload.toString()
      if (said.includes('"INTERNAL"')) of.finds('an answer has its shape', said)
    } else if (opcode !== 9 && opcode !== 10) of.finds('what comes back is WebSocket', `the opcode ${opcode}`)
  }
}

/** The server's own frames behind the handshake; it sends no pieces and no masks. */
function framesIn(heard: Buffer): { opcode: number; payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = []
  let at = heard.indexOf('\r\n\r\n') + 4
  while (at + 2 <= heard.length) {
    const opcode = heard[at]! & 15
    const short = heard[at + 1]! & 127
    const width = short === 127 ? 8 : short === 126 ? 2 : 0
    if (at + 2 + width > heard.length) break
    const length =
      width === 8 ? Number(heard.readBigUInt64BE(at + 2)) : width === 2 ? heard.readUInt16BE(at + 2) : short
    at += 2 + width
    frames.push({ opcode, payload: heard.subarray(at, at + length) })
    at += length
  }
  return frames
}
