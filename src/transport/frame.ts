import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/**
 * Writes past ws, which is where the fan-out's speed comes from.
 *
 * `ws.send` measures, encodes, frames and queues per receiver: 10 µs each, so a change that ten thousand people watch
 * costs a tenth of a second. Here a message is framed once and the same bytes go to every socket with one write.
 *
 * Two things make that safe, and both are settings of this server: permessage-deflate is off (with it a message may
 * still be in the compressor while we write, and would arrive after its successor), and nobody sends in fragments (a
 * frame of ours between two of them would be a protocol error). ws itself still writes pings, pongs and closes, each
 * with one synchronous write; test/transport/frame.test.ts holds our bytes against those that ws would send.
 */

const textFrameFinal = 0x81

/** The frame of an unmasked, final text message (RFC 6455, 5.2), header and payload in one buffer. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const offset = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(offset + length)
  frame[0] = textFrameFinal
  if (length < 126) {
    frame[1] = length
  } else if (length < 65_536) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt16BE(0, 2)
    frame.writeUIntBE(length, 4, 6)
  }
  frame.write(text, offset)
  return frame
}

/** `stream` is the socket under `socket`. False: it was closing, and nothing was written. */
export function writeFrame(socket: WebSocket, stream: Duplex, frame: Buffer): boolean {
  if (socket.readyState !== socket.OPEN || !stream.writable) return false
  stream.write(frame)
  return true
}
