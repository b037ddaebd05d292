/**
 * The little of RFC 6455 that a load generator needs. Frames from here are masked with zeros, which is valid and
 * leaves the bytes as they are: a generator that spends its time on masking measures itself.
 */

export const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const

export function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length
  const headerBytes = length < 126 ? 6 : length < 65_536 ? 8 : 14
  const frame = Buffer.alloc(headerBytes + length)
  frame[0] = 0x80 | opcode
  if (length < 126) frame[1] = 0x80 | length
  else if (length < 65_536) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  payload.copy(frame, headerBytes)
  return frame
}

/** `payload` is undefined for text frames when nobody wants to read them. */
export type FrameListener = (opcode: number, payload: Buffer) => void

/** Cuts a server's byte stream into frames. The server neither masks nor, with 16 KiB frames, fragments. */
export class FrameReader {
  #rest: Buffer | undefined
  readonly #onFrame: FrameListener

  constructor(onFrame: FrameListener) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= 2) {
      let length = bytes[at + 1]! & 0x7f
      let payloadAt = at + 2
      if (length === 126) {
        if (bytes.length - at < 4) break
        length = bytes.readUInt16BE(at + 2)
        payloadAt = at + 4
      } else if (length === 127) {
        if (bytes.length - at < 10) break
        length = Number(bytes.readBigUInt64BE(at + 2))
        payloadAt = at + 10
      }
      if (bytes.length < payloadAt + length) break
      if ((bytes[at]! & 0x80) === 0) throw new Error('a fragmented frame: this reader does not join them')
      this.#onFrame(bytes[at]! & 0x0f, bytes.subarray(payloadAt, payloadAt + length))
      at = payloadAt + length
    }
    // a copy: a slice of a few bytes would keep the whole chunk alive, ten thousand times over
    this.#rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at))
  }
}
