import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Owned, own } from './cleanup.js'
import type { Call, Handlers, Reply } from './fleet-member.js'
import type { GeneratorLoad } from './lag.js'

/**
 * Several client processes that do the same thing at once. One Node process cannot be a thousand people: it sends
 * for all of them one after the other, and is the bottleneck long before the server is.
 */
export class Fleet<H extends Handlers> {
  readonly #members: Member[]

  /** `module` calls serveFleet with handlers of type H. */
  constructor(module: URL, members: number) {
    this.#members = Array.from({ length: members }, () => own(new Member(module)))
  }

  get size(): number {
    return this.#members.length
  }

  get pids(): number[] {
    return this.#members.map(member => member.child.pid!)
  }

  /** Asks every member at once. Throws when one of them fails. */
  async all<N extends keyof H & string>(
    name: N,
    argsOf: (member: number) => Parameters<H[N]>[0]
  ): Promise<{ values: Awaited<ReturnType<H[N]>>[]; loads: GeneratorLoad[] }> {
    const replies = await Promise.all(this.#members.map((member, index) => member.ask(name, argsOf(index))))
    return {
      values: replies.map(reply => reply.value as Awaited<ReturnType<H[N]>>),
      loads: replies.map(reply => reply.load)
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map(member => member.kill()))
  }
}

class Member implements Owned {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>()
  #call = 0

  constructor(module: URL) {
    // 'advanced' keeps typed arrays of samples as they are instead of spelling them out as JSON
    this.child = fork(fileURLToPath(module), [], { serialization: 'advanced' })
    this.child.on('message', (reply: Reply) => {
      this.#waiting.get(reply.call)?.resolve(reply)
      this.#waiting.delete(reply.call)
    })
    this.child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`a client process ended (${signal ?? code})`))
      this.#waiting.clear()
    })
  }

  async ask(name: string, args: unknown): Promise<{ value: unknown; load: GeneratorLoad }> {
    this.#call += 1
    const call: Call = { call: this.#call, name, args }
    const reply = await new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(call.call, { resolve, reject })
      this.child.send(call, error => {
        if (error !== null) reject(error)
      })
    })
    if ('failure' in reply) throw new Error(`in a client process: ${reply.failure}`)
    return reply
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }
}
