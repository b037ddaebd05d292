import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { OwnedProcess, until } from './process.js'

/** The program as it is delivered: what a test starts is what an operator starts. */
export const cli = join('dist', 'cli.js')

const startMsMax = 30_000
const endMsMax = 20_000

export type Env = Readonly<Record<string, string>>

/** One running `slotlock serve`, a process of its own on a free port. Ended with the test, by its own pid. */
export class Instance {
  readonly process: OwnedProcess
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly ws: string

  private constructor(process_: OwnedProcess, url: string) {
    this.process = process_
    this.url = url
    this.ws = `${url.replace('http', 'ws')}/v1/ws`
  }

  /** Listens when this resolves. Throws with what it printed when it ends instead. */
  static async start(
    t: { teardown(end: () => Promise<unknown>): void },
    settings: Env = {}
  ): Promise<Instance> {
    requireBuilt()
    const process_ = new OwnedProcess(process.execPath, [cli, 'serve'], environment(settings))
    t.teardown(() => process_.kill())
    const listens = /"url":"(http:\/\/127\.0\.0\.1:\d+)"/
    await until(
      'slotlock listens',
      () => listens.test(process_.output) || !process_.running,
      startMsMax
    ).catch(error => {
      throw new Error(`slotlock did not start:\n${process_.output}`, { cause: error })
    })
    const url = listens.exec(process_.output)?.[1]
    if (url === undefined) throw new Error(`slotlock ended instead of listening:\n${process_.output}`)
    return new Instance(process_, url)
  }

  /** SIGTERM, as an orchestrator does it. Answers the exit code. */
  async stop(): Promise<number | null> {
    if (this.process.running) this.process.child.kill('SIGTERM')
    await until('slotlock ended', () => !this.process.running, endMsMax)
    return this.process.child.exitCode
  }

  get(path: string): Promise<Response> {
    return fetch(`${this.url}${path}`)
  }

  /** One number of the metrics page; the sum where it comes with labels. */
  async metric(name: string): Promise<number> {
    const page = await (await this.get('/metrics')).text()
    const values = [...page.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
    if (values.length === 0) throw new Error(`there is no metric ${name}`)
    return values.reduce((sum, [, value]) => sum + Number(value), 0)
  }

  /** What it logged so far, the last 64 KiB. */
  get log(): string {
    return this.process.output
  }
}

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** One command from beginning to end. */
export async function runCli(args: readonly string[], settings: Env = {}): Promise<Ran> {
  requireBuilt()
  const command = spawn(process.execPath, [cli, ...args], {
    env: environment(settings),
    timeout: startMsMax,
    killSignal: 'SIGKILL'
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(command.stdout),
    text(command.stderr),
    once(command, 'close') as Promise<[number | null]>
  ])
  return { code, stdout, stderr }
}

/** The developer's own REDIS_URL must not reach a server under test; what is not about slotlock stays. */
export function environment(settings: Env): NodeJS.ProcessEnv {
  const ours =
    /^(SLOTLOCK_|REDIS_|MYSQL_|RATE_|LOCK|SLOTS_|SELECTION_|CONNECTIONS_|SHUTDOWN_|TRUST_|SITE_|HOST_|WEBHOOK_|CUSTOMER_|ADDRESS_|AUDIT_|HOST$|PORT$|LOG_LEVEL$|NODE_OPTIONS$)/
  const others = Object.entries(process.env).filter(([name]) => !ours.test(name))
  return { ...Object.fromEntries(others), PORT: '0', ...settings }
}

let built: string | undefined

/** A stale build passes and fails for reasons that are in no file one looks at. */
export function requireBuilt(): void {
  built ??= staleness()
  if (built !== '') throw new Error(`${built}: these tests start ${cli}; build it with \`npm run build\``)
}

/** Empty: the build is of these sources. */
function staleness(): string {
  const builtMs = statSync(cli, { throwIfNoEntry: false })?.mtimeMs
  if (builtMs === undefined) return `${cli} is missing`
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts')
  )
  const newer = sources.find(name => statSync(join('src', name)).mtimeMs > builtMs)
  return newer === undefined ? '' : `${cli} is older than ${join('src', newer)}`
}
