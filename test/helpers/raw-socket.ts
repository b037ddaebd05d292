import { connect, type Socket } from 'node:net'
import { patienceMs } from './process.js'

export interface HttpAnswer {
  status: number
  headers: ReadonlyMap<string, string>
  body: string
}

/** A TCP connection without any manners: says what it is told to and keeps what it hears. */
export class RawSocket {
  readonly socket: Socket
  readonly #closed: Promise<void>
  #heard: Buffer[] = []
  #wake = (): void => {}

  private constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', chunk => {
      this.#heard.push(chunk)
      this.#wake()
    })
    this.socket.on('error', () => {})
    this.#closed = new Promise(resolve =>
      this.socket.once('close', () => {
        this.#wake()
        resolve()
      })
    )
  }

  static async connect(port: number): Promise<RawSocket> {
    const raw = new RawSocket(port)
    await new Promise<void>((resolve, reject) => {
      raw.socket.once('connect', resolve)
      raw.socket.once('close', () => reject(new Error('no connection')))
    })
    return raw
  }

  get heard(): Buffer {
    if (this.#heard.length > 1) this.#heard = [Buffer.concat(this.#heard)]
    return this.#heard[0] ?? Buffer.alloc(0)
  }

  /** False: the other side has gone. */
  write(bytes: Buffer | string): boolean {
    if (this.socket.destroyed || !this.socket.writable) return false
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return true
  }

  /** Until `isEnough` of what was heard, or the close. False: neither came in time. */
  async hears(isEnough: (heard: Buffer) => boolean, withinMs = patienceMs): Promise<boolean> {
    const end = performance.now() + withinMs
    while (!isEnough(this.heard)) {
      if (this.socket.closed) return true
      const leftMs = end - performance.now()
      if (leftMs <= 0) return false
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return true
  }

  /** Says that nothing more comes. False: the other side does not go. */
  async finish(withinMs = patienceMs): Promise<boolean> {
    this.socket.end()
    const gone = await this.hears(() => false, withinMs)
    this.drop()
    return gone
  }

  /** By a reset. */
  drop(): void {
    if (!this.socket.destroyed) this.socket.resetAndDestroy()
  }

  closed(): Promise<void> {
    return this.#closed
  }
}

/** The answers in what a server said, to requests of these methods. Throws where it is no HTTP. */
export function answersIn(heard: Buffer, methods: readonly string[] = []): HttpAnswer[] {
  const answers: HttpAnswer[] = []
  let rest = heard
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`an answer ends within its headers: ${shown(rest)}`)
    const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
    if (Number.isNaN(status)) throw new Error(`no status line: ${shown(rest)}`)
    const headers = new Map<string, string>()
    for (const line of lines) {
      const colon = line.indexOf(':')
      if (colon <= 0) throw new Error(`no header: ${line}`)
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    rest = rest.subarray(end + 4)
    if (status < 200) continue
    const hasBody = methods[answers.length] !== 'HEAD' && status !== 204 && status !== 304
    let body: Buffer = Buffer.alloc(0)
    if (hasBody) [body, rest] = bodyIn(headers, rest)
    answers.push({ status, headers, body: body.toString() })
  }
  return answers
}

function bodyIn(headers: ReadonlyMap<string, string>, rest: Buffer): [body: Buffer, rest: Buffer] {
  if (headers.get('transfer-encoding') !== 'chunked') {
    const length = headers.has('content-length') ? Number(headers.get('content-length')) : rest.length
    if (rest.length < length) throw new Error(`${rest.length} bytes of ${length}`)
    return [rest.subarray(0, length), rest.subarray(length)]
  }
  const parts: Buffer[] = []
  for (let left = rest; ; ) {
    const line = left.indexOf('\r\n')
    const size = Number.parseInt(left.subarray(0, line).toString('latin1'), 16)
    if (line < 0 || Number.isNaN(size)) throw new Error(`no chunk: ${shown(left)}`)
    parts.push(left.subarray(line + 2, line + 2 + size))
    left = left.subarray(line + 2 + size + 2)
    if (size === 0) return [Buffer.concat(parts), left]
  }
}

const shown = (bytes: Buffer): string => JSON.stringify(bytes.subarray(0, 200).toString('latin1'))
