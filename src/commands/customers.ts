import { pino } from 'pino'
import { openStore, systemClock } from '../app.js'
import { type Config, ConfigError, readConfig } from '../config.js'
import { parseBookingId, parseLocalDate } from '../domain/ids.js'
import { newSqlStats } from '../stores/sql/dialect.js'
import type { ErasedBookings } from '../stores/sql/forgetting.js'
import type { SqlLockStore } from '../stores/sql/lock-store.js'
import { noArguments, options } from './arguments.js'
import { UsageError } from './usage-error.js'

/** Erases what bookings say of people, and says how many. The bookings themselves stay. */
export async function erase(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = options({
    args,
    options: {
      booking: { type: 'string' },
      email: { type: 'string' },
      before: { type: 'string' },
      'dry-run': { type: 'boolean' }
    }
  })
  const of = whichOf(given)
  const dryRun = given['dry-run'] === true
  const { found, erased } = await withStore(readConfig(env), store => store.erase(of, dryRun))
  const done = dryRun ? 'would be erased' : 'was erased'
  const before = found > erased ? `, that of ${found - erased} had been before` : ''
  process.stdout.write(`bookings found: ${found}; the customer data of ${erased} ${done}${before}\n`)
}

/** Brings all customer data under the first key of CUSTOMER_KEY. */
export async function encrypt(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  noArguments(args)
  const config = readConfig(env)
  if (config.customerKeys.length === 0)
    throw new ConfigError(['CUSTOMER_KEY is not set: there is nothing to encrypt with'])
  const { found, encrypted } = await withStore(config, store => store.encryptAll())
  process.stdout.write(
    `bookings found: ${found}; the customer data of ${encrypted} was encrypted, that of the others had been before\n`
  )
}

function whichOf(given: { booking?: string; email?: string; before?: string }): ErasedBookings {
  const { booking, email, before } = given
  if ([booking, email, before].filter(value => value !== undefined).length !== 1) {
    throw new UsageError('erase takes one of --booking, --email and --before')
  }
  if (booking !== undefined) {
    const id = parseBookingId(booking)
    if (id === undefined) throw new UsageError(`--booking ${booking} is no booking's id`)
    return { booking: id }
  }
  if (email !== undefined) {
    if (!email.includes('@')) throw new UsageError('--email is no address')
    return { email }
  }
  const date = parseLocalDate(before ?? '')
  if (date === undefined) throw new UsageError(`--before ${before} is no date like 2026-01-15`)
  return { beforeMs: Date.parse(date) }
}

async function withStore<T>(config: Config, work: (store: SqlLockStore) => Promise<T>): Promise<T> {
  const log = pino({ level: config.logLevel, base: null }, pino.destination(2))
  const store = await openStore(config, { log, clock: systemClock, random: Math.random }, newSqlStats())
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}
