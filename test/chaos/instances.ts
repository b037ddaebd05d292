import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { own } from '../../load-tests/harness/cleanup.js'
import { readProcessUse } from '../../load-tests/harness/cpu.js'
import { nowMs } from '../../load-tests/harness/time.js'
import { freePort, OwnedProcess, until } from '../helpers/process.js'
import type { TcpProxy } from '../helpers/tcp-proxy.js'
import type { Exit, HistoryEvent } from './history.js'

/** What one instance runs, and the links that it has to the stores, to be broken one by one. */
export interface InstanceOptions {
  number: number
  command: readonly string[]
  env: NodeJS.ProcessEnv
  toRedis: TcpProxy
  toMariadb: TcpProxy
  record(event: HistoryEvent): void
}

/** Also on a machine that does ten other things. */
const startWithinMs = 90_000
/** An instance that cannot reach the database at its start says so and ends; whoever runs it starts it again. */
const startTriesMax = 10

/** One service process, on a port that it keeps over its restarts. Whatever ends it is recorded. */
export class Instance {
  readonly number: number
  readonly toRedis: TcpProxy
  readonly toMariadb: TcpProxy
  readonly #options: InstanceOptions
  readonly #port: number
  #process: OwnedProcess | undefined
  #wanted: Exit['wanted']

  private constructor(options: InstanceOptions, port: number) {
    this.number = options.number
    this.toRedis = options.toRedis
    this.toMariadb = options.toMariadb
    this.#options = options
    this.#port = port
  }

  static async create(options: InstanceOptions): Promise<Instance> {
    return new Instance(options, await freePort())
  }

  get http(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.#port}/v1/ws`
  }

  async start(): Promise<void> {
    for (let tries = 1; !(await this.#startOnce()); tries++) {
      const output = this.#process?.output ?? ''
      const refused = output.includes('cannot connect to the database')
      if (!refused || tries === startTriesMax)
        throw new Error(`instance ${this.number} did not start, ${tries} tries:\n${output}`)
    }
  }

  async #startOnce(): Promise<boolean> {
    const { command, env, record, number } = this.#options
    const [program, ...args] = command
    const process_ = own(
      new OwnedProcess(program!, args, { ...env, HOST: '127.0.0.1', PORT: String(this.#port) })
    )
    this.#process = process_
    let isUp = false
    this.#wanted = undefined
    for (const stream of [process_.child.stdout, process_.child.stderr]) this.#readLog(stream, () => isUp)
    process_.child.once('exit', (code, signal) => {
      const wanted = isUp ? this.#wanted : 'refused to start'
      record({ kind: 'exit', instance: number, at: nowMs(), code, signal, wanted })
    })
    await until(
      `instance ${number} answers`,
      async () => {
        isUp = await fetch(`${this.http}/livez`).then(
          ({ ok }) => ok,
          () => false
        )
        return isUp || !process_.running
      },
      startWithinMs
    )
    return isUp
  }

  freeze(): void {
    this.#process?.freeze()
  }

  thaw(): void {
    this.#process?.thaw()
  }

  /** Without a word. */
  async kill(): Promise<void> {
    this.#wanted = 'killed'
    await this.#process?.kill('SIGKILL')
  }

  /** As an operator does: it drains and ends by itself. */
  async stop(): Promise<void> {
    this.#wanted = 'stopped'
    await this.#process?.kill('SIGTERM')
  }

  sampleMemory(): void {
    const use = this.#process?.running ? readProcessUse(this.#process.pid) : undefined
    // a process that has just ended has no memory to speak of
    if (use !== undefined && Number.isFinite(use.rssBytes))
      this.#options.record({ kind: 'memory', instance: this.number, at: nowMs(), rssBytes: use.rssBytes })
  }

  /** What it says while it starts is told by whoever waits for the start. */
  #readLog(stream: NodeJS.ReadableStream | null, isUp: () => boolean): void {
    let rest = ''
    stream?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (isUp() && isAlarming(line))
          this.#options.record({ kind: 'log', instance: this.number, at: nowMs(), line })
      }
    })
  }
}

const errorLevel = 50

/** Level `error` and above; and everything that is no log line, for Node writes its own last words so. */
function isAlarming(line: string): boolean {
  if (line.trim() === '') return false
  try {
    return (JSON.parse(line) as { level: number }).level >= errorLevel
  } catch {
    return true
  }
}

/** A copy of the built program, so that a build next door does not change it in the middle of a run. */
export function copyProgram(dist: string, into: string): string {
  mkdirSync(into, { recursive: true })
  cpSync(dist, join(into, 'dist'), { recursive: true })
  cpSync('lua', join(into, 'lua'), { recursive: true })
  cpSync('package.json', join(into, 'package.json'))
  symlinkSync(join(process.cwd(), 'node_modules'), join(into, 'node_modules'))
  return join(into, 'dist', 'cli.js')
}
