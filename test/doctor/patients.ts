import { systemClock } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { examineDatabase } from '../../src/doctor/database.js'
import { examineRedis } from '../../src/doctor/redis.js'
import type { Examined } from '../../src/doctor/report.js'
import type { Clock } from '../../src/domain/clock.js'

/** What is broken on purpose is told apart from what this machine is: busy, and without much room. */
const ofThisMachine = ['redis-slow', 'database-slow', 'database-disk-full']

/** Warnings and worse, by name. */
export const troubles = ({ findings }: Examined): string[] =>
  findings
    .filter(({ severity, code }) => severity !== 'info' && !ofThisMachine.includes(code))
    .map(({ code }) => code)

export const hints = ({ findings }: Examined): string[] => findings.map(({ code }) => code)

export const lookAtRedis = (url: string, clock: Clock = systemClock): Promise<Examined> =>
  examineRedis({ address: { url }, prefix: 'slotlock:', clock, random: Math.random })

export const lookAtDatabase = (env: Record<string, string>, clock: Clock = systemClock): Promise<Examined> =>
  examineDatabase(readConfig({ SLOTLOCK_SECRET: 'x'.repeat(32), ...env }), clock, Math.random)

/** As if the store's machine were set wrong: only the difference of the two clocks counts. */
export const clockSetBack = (ms: number): Clock => ({ ...systemClock, now: () => Date.now() - ms })
