import { pino } from 'pino'
import { createDemoCalendar, openStore, systemClock } from '../app.js'
import { readConfig } from '../config.js'
import { newSqlStats } from '../stores/sql/dialect.js'
import { options } from './arguments.js'

/** `serve` does this too at its start; on its own for those who keep the two apart. */
export async function migrate(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const { demo } = options({ args, options: { demo: { type: 'boolean' } } })
  const config = readConfig(env)
  const log = pino({ level: config.logLevel, base: null })
  const store = await openStore(config, { log, clock: systemClock, random: Math.random }, newSqlStats())
  try {
    log.info({ mode: config.mode }, 'the tables are as this version needs them')
    if (demo) {
      const made = await createDemoCalendar(store)
      log.info(
        made ? 'the demo calendar was made' : 'there are calendars already, so no demo calendar was made'
      )
    }
  } finally {
    await store.close()
  }
}
