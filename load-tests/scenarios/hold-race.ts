import { startCluster } from '../harness/cluster.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { storeSetups } from '../harness/options.js'
import { startReference } from '../harness/reference.js'
import { verdictOf } from '../harness/report.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar, slotAt } from '../harness/slots.js'
import { formatSpread, merged, percentile, spread } from '../harness/stats.js'
import { nowMs } from '../harness/time.js'

const calendar = 'race'
const members = 4
/** Time for the order to reach all client processes before the moment they all wait for. */
const countdownMs = 60
/** Rows that the one winner may write: the slot, the lock, the link between them, the audit entry, with room to spare. */
const rowsPerRaceMax = 10

/** A thousand people click the same slot in the same moment: one has it, everybody else hears until when. */
export const holdRace: Scenario = {
  name: 'hold-race',
  summary: '1,000 clients lock one slot at once: one winner, the others are told when it ends',
  stores: storeSetups,
  run
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const times = options.times ?? 20
  const count = options.clients ?? 1_000
  const cluster = await startCluster({ cli: options.cli, stores, instances: 2, report })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const reference = await startReference(cluster)
  const ours = new Fleet<CrowdHandlers>(crowdModule, members)
  const theirs = new Fleet<CrowdHandlers>(crowdModule, members)
  const opening = (fleet: Fleet<CrowdHandlers>, urls: string[]) =>
    fleet.all('open', member => ({ urls, count: shareOf(count, members, member), firstHost: 2 + member }))
  await opening(ours, cluster.ws)
  await opening(theirs, [reference.ws])
  log(`${count} clients on ${cluster.ws.length} instance(s), ${times} races`)

  const race = async (fleet: Fleet<CrowdHandlers>, slot: string) => {
    const startAtMs = nowMs() + countdownMs
    const { values } = await fleet.all('race', () => ({ calendar, slot, startAtMs }))
    const codes: Record<string, number> = {}
    for (const value of values)
      for (const [code, n] of Object.entries(value.codes)) codes[code] = (codes[code] ?? 0) + n
    return {
      winners: values.flatMap(value => value.winners),
      codes,
      withoutEnd: values.reduce((sum, value) => sum + value.withoutEnd, 0),
      tookMs: merged(values.map(value => value.tookMs))
    }
  }

  const lastMs: number[] = []
  const p50Ms: number[] = []
  const referenceLastMs: number[] = []
  const ratios: number[] = []
  const rows: number[] = []
  const statements: number[] = []
  for (let index = 0; index < times; index++) {
    const slot = slotAt('room', index)
    const before = await cluster.truth.effort()
    const result = await race(ours, slot)
    const after = await cluster.truth.effort()
    rows.push(after.rowsChanged - before.rowsChanged)
    statements.push(after.statements - before.statements)

    report.check(
      'exactly one of all clients has the slot',
      result.winners.length === 1,
      `${slot} has ${result.winners.length} winners`
    )
    const held = (await cluster.truth.slots(calendar)).filter(
      row => row.slot === slot && row.state === 'locked'
    )
    report.check(
      'the database names the winner and nobody else',
      held.length === 1 && held[0]!.token === result.winners[0],
      `${slot} is held by ${held.map(row => row.token).join(', ') || 'nobody'}, not ${result.winners.join(', ')}`
    )
    report.check(
      'everybody else hears SLOT_UNAVAILABLE',
      (result.codes.SLOT_UNAVAILABLE ?? 0) === count - result.winners.length,
      JSON.stringify(result.codes)
    )
    report.check(
      'and in how many milliseconds it ends',
      result.withoutEnd === 0,
      `${result.withoutEnd} refusals without expiresInMs`
    )
    for (const lock of result.winners) {
      const { values } = await ours.all('release', () => ({ lock }))
      report.check('the winner can give it back', values.includes(true), lock)
    }

    const bare = await race(theirs, slot)
    lastMs.push(Math.max(...result.tookMs))
    p50Ms.push(percentile(result.tookMs, 50))
    referenceLastMs.push(Math.max(...bare.tookMs))
    ratios.push(lastMs.at(-1)! / referenceLastMs.at(-1)!)
  }
  const changes = stores === 'embedded' ? 'write transactions' : 'database rows changed'
  report.check(
    'a race costs the database a handful of writes',
    spread(rows).median <= rowsPerRaceMax,
    `${formatSpread(spread(rows))} ${changes}, at most ${rowsPerRaceMax}`,
    rows.length
  )
  await Promise.all([ours.end(), theirs.end()])

  report.figure({ what: 'median answer, ms', measured: formatSpread(spread(p50Ms)), verdict: 'info' })
  report.figure({
    what: 'last answer of a race, ms (min / median / max)',
    measured: formatSpread(spread(lastMs)),
    reference: `${formatSpread(spread(referenceLastMs))} bare sockets${stores === 'redis' ? ' + one EVALSHA each' : ''}`,
    verdict: 'info'
  })
  report.figure({
    what: 'last answer / reference',
    measured: formatSpread(spread(ratios)),
    target: '<= 1.5',
    verdict: verdictOf(spread(ratios).median <= 1.5, false)
  })
  report.figure({
    what: `${changes} per race`,
    measured: formatSpread(spread(rows)),
    target: `<= ${rowsPerRaceMax}`,
    verdict: verdictOf(spread(rows).median <= rowsPerRaceMax, false)
  })
  report.figure({
    what: 'database statements per race',
    measured: formatSpread(spread(statements)),
    reference: `${count} clients`,
    verdict: 'info'
  })
  report.note('the cost of the burst in the client processes is in both sides of the ratio')
}
