import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { atEnd } from '../../load-tests/harness/cleanup.js'
import { Fleet } from '../../load-tests/harness/fleet.js'
import { seededRandom } from '../../load-tests/harness/random.js'
import { nowMs, pause } from '../../load-tests/harness/time.js'
import { aftermath } from './aftermath.js'
import { calendarFor, wantedAt } from './calendar.js'
import { campaign } from './campaign.js'
import { type HistoryEvent, readHistory } from './history.js'
import type { LoadHandlers } from './load-member.js'
import { look } from './looks.js'
import type { ChaosOptions } from './options.js'
import { createWorld, type World } from './world.js'

const members = 2
const visitorsPerMember = 10
const lookEveryMs = 1_000
/** A fault that nothing gets done under proves nothing; before the first one there has to be work. */
const warmUpMs = 1_000

/** One run: everything is started, harmed, healed, compared and ended. Answers with all that was seen. */
export async function runChaos(
  { seed, forMs, instances, naive, brisk, calm }: ChaosOptions,
  log: (text: string) => void
): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = []
  const record = (event: HistoryEvent): void => void events.push(event)
  const random = seededRandom(seed)
  const calendar = calendarFor(forMs, Date.now())
  const world = await createWorld({ instances, naive, calendar, random: seededRandom(seed + 1), record })
  const fleet = new Fleet<LoadHandlers>(new URL('./load-member.ts', import.meta.url), members)
  atEnd(() => fleet.end())
  const historyPath = (member: number): string => join(world.folder, `history-${member}.jsonl`)
  const startedAt = nowMs()
  await fleet.all('begin', member => ({
    member,
    instances: world.instances.map(({ http, ws }) => ({ http, ws })),
    calendar,
    seed,
    visitors: visitorsPerMember,
    naive,
    ...(naive || member > 0 ? {} : { staffToken: world.adminToken }),
    historyPath: historyPath(member)
  }))
  await pause(warmUpMs)

  const observer = naive ? undefined : observe(world, record)
  const strikes = calm
    ? pause(forMs)
    : campaign({
        world,
        random,
        calendar: calendar.id,
        wanted: () => wantedAt(calendar, nowMs() - startedAt),
        record,
        log,
        forMs,
        pace: brisk ? 0.4 : 1,
        atRest: async () => {
          const found = naive ? undefined : await look(world.mariadb.url())
          if (found !== undefined) record(found)
        }
      })
  await strikes
  log('no more faults')
  const { values } = await fleet.all('stop', () => undefined)
  const failures = values.flatMap(({ failures }) => failures)
  if (failures.length > 0) throw new Error(`the load failed:\n${failures.join('\n')}`)
  await observer?.end()
  if (!naive) {
    const screens = async (rows: Parameters<LoadHandlers['differences']>[0]['rows']): Promise<string[]> =>
      (await fleet.all('differences', () => ({ rows }))).values.flat()
    const { aftermath: found, last } = await aftermath({ world, calendar, random, screens })
    record(found)
    if (last !== undefined) record(last)
  }
  await fleet.all('end', () => undefined)
  for (let member = 0; member < members; member++) {
    if (!existsSync(historyPath(member))) continue
    // one by one: a long history is more than a call may have arguments
    for (const event of await readHistory(historyPath(member))) events.push(event)
  }
  return events
}

/** Looks at the rows and at everybody's memory, once a second, whatever is going on. */
function observe(world: World, record: (event: HistoryEvent) => void): { end(): Promise<void> } {
  let ended = false
  const looking = (async () => {
    while (!ended) {
      const found = await look(world.mariadb.url())
      if (found !== undefined) record(found)
      for (const instance of world.instances) instance.sampleMemory()
      await pause(lookEveryMs)
    }
  })()
  return {
    end: async () => {
      ended = true
      await looking
    }
  }
}
