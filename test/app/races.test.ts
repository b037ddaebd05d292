import t from 'tap'
import { seededRandom } from '../../load-tests/harness/random.js'
import { until } from '../helpers/process.js'
import { type Clinic, calendar, onEachSetUp } from './clinic.js'
import type { Reply, Visitor } from './visitor.js'

t.setTimeout(300_000)

const crowd = 300
const races = 10
/** The grant, its twin on the other instance, a sweep or two that fell into the race: not one for each who asked. */
const writesPerRaceMax = 6

const writers = 8
const writingMs = 3_000

type Locked = Reply<'lock'>

/** Somebody who was told that there was no room asks again; everybody else has an answer. */
async function lockPatiently(visitor: Visitor, params: object): Promise<Locked> {
  for (let tries = 0; ; tries++) {
    const reply = await visitor.ask('lock', { calendar, ...params })
    if (reply.ok || reply.error.code !== 'BUSY' || tries === 20) return reply
    await new Promise(resolve => setTimeout(resolve, reply.error.retryAfterMs))
  }
}

const writesOf = async ({ world }: Clinic): Promise<number> => {
  const counts = await Promise.all(world.instances.map(one => one.metric('slotlock_sql_writes_total')))
  return counts.reduce((sum, count) => sum + count, 0)
}

onEachSetUp(t, async (t, clinic) => {
  await t.test(
    'of 300 who want one slot at once one gets it, and the database hardly hears of it',
    async t => {
      const half = Array.from({ length: crowd / 2 }, () => [clinic.ann('ws'), clinic.bob('ws')])
      const visitors = await Promise.all(half.flat())
      for (let race = 0; race < races; race++) {
        const slot = clinic.slot()
        const before = await writesOf(clinic)
        const replies = await Promise.all(
          visitors.map(visitor => lockPatiently(visitor, { slots: [slot], requestId: `race-${race}` }))
        )
        const writes = (await writesOf(clinic)) - before
        const winners = replies.filter(reply => reply.ok)
        const losers = replies.flatMap(reply => (reply.ok ? [] : [reply.error]))
        t.equal(winners.length, 1, `race ${race} has one winner`)
        t.equal(losers.length, crowd - 1)
        t.ok(
          losers.every(({ code, details }) => {
            const [conflict] = details?.conflicts ?? []
            return code === 'SLOT_UNAVAILABLE' && conflict?.slot === slot && conflict.expiresInMs! > 0
          }),
          'everybody else hears when it may come free'
        )
        t.ok(writes <= writesPerRaceMax, `${writes} writes, ${writesPerRaceMax} at most`)
        // read at an instance that may hear of it a moment later
        await until('everybody reads who has it', async () => {
          const { state, by } = await clinic.stateOf(slot)
          return state === 'locked' && by === winners[0]?.result.lock.by
        })
        const winner = visitors[replies.findIndex(reply => reply.ok)]!
        await winner.must('release', { lock: winners[0]!.result.lock.id })
      }
    }
  )

  await t.test('writers with overlapping sets: no lock is ever there in part, and none is lost', async t => {
    const { truth } = clinic.world
    const seed = Date.now() % 1_000_000
    t.comment(`seed ${seed}`)
    const pool = clinic.slots(10)
    const acknowledged: { id: string; slots: string[] }[] = []
    const codes = new Set<string>()
    const end = performance.now() + writingMs

    const write = async (visitor: Visitor, random: () => number): Promise<void> => {
      let held: string | undefined
      while (performance.now() < end) {
        const slots = pool.filter(() => random() < 0.25)
        if (slots.length === 0) continue
        const replaces = held !== undefined && random() < 0.3 ? { replaces: held } : {}
        const reply = await visitor.ask('lock', { calendar, slots, ...replaces })
        if (!reply.ok) codes.add(reply.error.code)
        else {
          const { lock } = reply.result
          acknowledged.push(lock)
          if (held !== undefined && !('replaces' in replaces)) await visitor.must('release', { lock: held })
          held = lock.id
          t.strictSame((await truth.lock(lock.id))?.slots, slots, 'acknowledged is in the database')
        }
        if (held !== undefined && random() < 0.4) {
          await visitor.must('release', { lock: held })
          held = undefined
        }
      }
    }
    const watch = async (): Promise<void> => {
      while (performance.now() < end) {
        t.strictSame(await partialLocks(clinic, pool), [])
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
    const visitors = await Promise.all(
      Array.from({ length: writers }, (_, index) => (index % 2 === 0 ? clinic.ann('ws') : clinic.bob('ws')))
    )
    await Promise.all([
      watch(),
      ...visitors.map((visitor, index) => write(visitor, seededRandom(seed + index)))
    ])

    t.ok(acknowledged.length > writers, `${acknowledged.length} locks were granted`)
    t.ok(codes.has('SLOT_UNAVAILABLE'), 'they were in each other’s way')
    for (const code of codes) t.ok(['SLOT_UNAVAILABLE', 'BUSY'].includes(code), code)
    t.strictSame(await partialLocks(clinic, pool), [])
    const held = (await truth.locks(calendar)).filter(
      ({ slots, state }) => state === 'held' && pool.includes(slots[0]!)
    )
    const heldSlots = held.flatMap(({ slots }) => slots)
    t.equal(new Set(heldSlots).size, heldSlots.length, 'no slot is in two locks')
    const known = new Set((await truth.locks(calendar)).map(({ id }) => id))
    t.strictSame(
      acknowledged.filter(({ id }) => !known.has(id)),
      []
    )
  })
})

/** Locks some of whose slots are locked under their name and some are not, as one statement sees them. */
async function partialLocks({ world: { truth } }: Clinic, pool: readonly string[]): Promise<string[]> {
  const rows = (await truth.slots(calendar)).filter(
    ({ slot, state }) => state === 'locked' && pool.includes(slot)
  )
  const byToken = new Map<string, string[]>()
  for (const { token, slot } of rows) byToken.set(token, [...(byToken.get(token) ?? []), slot])
  const partial: string[] = []
  for (const [token, slots] of byToken) {
    const whole = (await truth.lock(token))?.slots ?? []
    if (whole.length !== slots.length) partial.push(`${token}: ${slots} of ${whole}`)
  }
  return partial
}
