import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { createApp, systemClock } from '../app.js'
import { type Config, ConfigError, readConfig } from '../config.js'
import { noArguments } from './arguments.js'

/** Room for the sockets' goodbyes after the last request has been answered. */
const exitMarginMs = 5_000

export async function serve(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  noArguments(args)
  const config = readConfig(env)
  const log = pino({
    level: config.logLevel,
    base: null,
    redact: ['req.headers', 'token', '*.token', 'customer', '*.customer']
  })
  const app = await createApp(config, { log, clock: systemClock, random: Math.random })
  const closing = closeWithGrace(
    { delay: config.shutdownGraceMs + exitMarginMs, logger: log },
    async ({ signal, err }) => {
      if (err !== undefined) log.fatal({ err }, 'slotlock stops because of a bug')
      else log.info({ signal }, 'slotlock drains and stops')
      await app.stop()
    }
  )
  try {
    const url = await app.start()
    if (process.stderr.isTTY) process.stderr.write(banner(url))
  } catch (error) {
    // From here it is no crash of a running service: the person who started it is told why it does not start.
    closing.uninstall()
    await app.stop()
    throw cannotListen(error, config) ?? error
  }
}

/** For a person at a terminal, who does not read JSON. */
const banner = (url: string): string => `
  slotlock is ready
    demo            ${url}/
    API reference   ${url}/docs
    calendars       ${url}/v1/calendars
    health          ${url}/health
    WebSocket       ${url.replace('http', 'ws')}/v1/ws

`

function cannotListen(error: unknown, { host, port }: Config): ConfigError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return new ConfigError([
        `PORT ${port} on ${host} is in use already; stop what uses it, or choose another (0: a free one)`
      ])
    case 'EACCES':
      return new ConfigError([`PORT ${port} may not be used by this user; ports from 1024 up may`])
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ConfigError([`HOST ${host} is no address of this machine`])
    default:
      return undefined
  }
}
