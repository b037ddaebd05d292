import { type GeneratorLoad, watchOwnLoad } from './lag.js'

/** What a client process can be asked to do; each scenario has its own. */
export type Handlers = Record<string, (args: never) => Promise<unknown>>

export interface Call {
  call: number
  name: string
  args: unknown
}
export type Reply = { call: number; value: unknown; load: GeneratorLoad } | { call: number; failure: string }

/** Makes this process a member of a fleet: it does what its parent asks, and goes when its parent has gone. */
export function serveFleet(handlers: Handlers): void {
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole group of processes; the parent decides when its members end
  process.on('SIGINT', () => {})
  process.on('message', (message: Call) => void answer(handlers, message))
}

async function answer(handlers: Handlers, { call, name, args }: Call): Promise<void> {
  const load = watchOwnLoad()
  let reply: Reply
  try {
    const handler = handlers[name] as ((args: unknown) => Promise<unknown>) | undefined
    if (handler === undefined) throw new Error(`a client process was asked for ${name}, which it cannot do`)
    reply = { call, value: await handler(args), load: load() }
  } catch (error) {
    reply = { call, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  process.send?.(reply)
}
