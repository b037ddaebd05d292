#!/usr/bin/env node
import { UsageError } from './commands/usage-error.js'
import { ConfigError } from './config.js'
import { StoreError } from './domain/errors.js'

const usage = `slotlock locks appointment slots.

  slotlock serve                         run the service
  slotlock token --role ROLE             print a token: visitor, staff, host or admin; or the key of a site
                 [--calendar ID]...      for these calendars only (default: all)
                 [--origin URL]...       of the site's pages, with --role site
                 [--ttl 8h]              for so long: 30m, 8h, 7d (default: a day; a site's key: a year)
  slotlock revoke TOKEN|KEY|SESSION      end that session everywhere, or withdraw that key of a site;
                                         - reads it from standard input
  slotlock migrate [--demo]              create or upgrade the tables; --demo adds the demo calendar
  slotlock config                        print the settings in force, secrets masked
  slotlock doctor [--json]               try out the stores that the settings name, and say what to do about
                  [--url URL]            what is found; also the instance at URL. Exits 0: well, 3: warnings,
                                         1: it does not work
  slotlock webhooks [--json]             what the host was not told yet, and what was given up, with the reason;
                                         exits 3 if something was
  slotlock webhooks replay               send again: what was given up, one event, or all since a time
                    --dead | --id ID | --since TIME  [--endpoint N]
  slotlock webhooks discard --dead       forget what was given up  [--endpoint N]
  slotlock webhooks test [--endpoint N]  send a signed webhook.test; exits 1 if an endpoint does not take it
  slotlock warm [--calendar ID]...       bring the rows of days to Redis: of these calendars, the next 14 days
                [--days N]               (or N); without both, what was read lately
  slotlock erase --booking ID            erase the customer data of this booking,
                 --email ADDRESS         of all bookings of this address,
                 --before DATE           or of all appointments before that day; the bookings stay
                 [--dry-run]             only say how many
  slotlock encrypt                       encrypt with CUSTOMER_KEY what was kept without it or with the one before

Settings are environment variables; \`slotlock config\` names them all.
`

type Command = (env: NodeJS.ProcessEnv, args: string[]) => Promise<void> | void

/** Each loads what it needs: a start of the service has no use for the doctor, nor a token for a web server. */
const commands: Record<string, Command> = {
  serve: async (...given) => (await import('./commands/serve.js')).serve(...given),
  token: async (...given) => (await import('./commands/token.js')).token(...given),
  revoke: async (...given) => (await import('./commands/revoke.js')).revoke(...given),
  migrate: async (...given) => (await import('./commands/migrate.js')).migrate(...given),
  config: async (...given) => (await import('./commands/config.js')).printSettings(...given),
  doctor: async (...given) => (await import('./commands/doctor.js')).doctor(...given),
  webhooks: async (...given) => (await import('./commands/webhooks.js')).webhooks(...given),
  warm: async (...given) => (await import('./commands/warm.js')).warm(...given),
  erase: async (...given) => (await import('./commands/customers.js')).erase(...given),
  encrypt: async (...given) => (await import('./commands/customers.js')).encrypt(...given),
  help: () => void process.stdout.write(usage),
  version: async () => {
    const { packageVersion } = await import('./app.js')
    process.stdout.write(`${await packageVersion()}\n`)
  }
}
const aliases: Record<string, string> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-v': 'version'
}

const [name = '', ...args] = process.argv.slice(2)
const command = commands[aliases[name] ?? name]

try {
  if (command === undefined)
    throw new UsageError(name === '' ? 'which command?' : `there is no command '${name}'`)
  await command(process.env, args)
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`slotlock: ${error.message}\n\n${usage}`)
    process.exitCode = 2
  } else if (error instanceof ConfigError || error instanceof StoreError) {
    process.stderr.write(`slotlock: ${error.message}\n`)
    process.exitCode = 1
  } else {
    throw error
  }
}
