import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

const started = new Set<ChildProcess>()
// a test that breaks off takes its servers with it
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** A server that a test started and may treat badly. Ended by its own pid, never by name. */
export class OwnedProcess {
  readonly child: ChildProcess
  /** What it printed, for the message of a failed start; the last 64 KiB. */
  output = ''

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-65_536)
    }
    this.child.stdout?.on('data', keep)
    this.child.stderr?.on('data', keep)
    started.add(this.child)
    this.child.once('exit', () => started.delete(this.child))
    this.child.on('error', error => keep(Buffer.from(String(error))))
  }

  get pid(): number {
    return this.child.pid!
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  freeze(): void {
    this.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.child.kill('SIGCONT')
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGCONT')
    this.child.kill(signal)
    await exited
  }
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** For what takes milliseconds where there is room: nothing is slow for a test that waits, but a machine full of others. */
export const patienceMs = 30_000

/** Waits for a condition, never for a time: asks every few milliseconds and fails with `what` at the bound. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  boundMs = patienceMs
): Promise<void> {
  const end = performance.now() + boundMs
  for (;;) {
    if (await condition()) return
    if (performance.now() > end) throw new Error(`gave up after ${boundMs} ms waiting until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
