import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { StoreError } from '../../src/domain/errors.js'
import type { LockId, SessionId } from '../../src/domain/ids.js'
import type { Lane } from '../../src/service/service.js'
import type { RedisFastLane } from '../../src/stores/redis/fast-lane.js'
import { until } from '../helpers/process.js'
import { calendar, keys, slot } from './places.js'
import type { Instance, World } from './world.js'

/** What stories about Redis look at behind the back of the service, and the ways of locking that they warn of. */

/** From here on Redis knows the calendar and answers for it; a busy machine may lose a connection meanwhile. */
export async function fill(world: Pick<World, 'one' | 'judge' | 'rows'>): Promise<void> {
  const rows = async () => ({
    rows: await world.judge.readSlots(calendar, [...(await world.rows()).keys()]),
    nowMs: world.judge.nowMs()
  })
  await until('Redis is filled', () =>
    world.one.lane!.hydrate(calendar, rows).then(
      () => true,
      error => {
        if (!(error instanceof StoreError)) throw error
        return false
      }
    )
  )
}

/** `<ver>:<state>:<lock>` */
export const markOf = (redis: Redis, n: number): Promise<string | null> =>
  redis.get(keys.slot(calendar, slot(n)))

export const untilMarked = (redis: Redis, n: number, state: string): Promise<void> =>
  until(`Redis has slot ${n} as ${state}`, async () =>
    ((await markOf(redis, n).catch(() => null)) ?? '').includes(`:${state}:`)
  )

export const untilColor = (color: 'green' | 'red', ...instances: Instance[]): Promise<void> =>
  until(`the breaker is ${color}`, () => instances.every(instance => instance.color() === color), 60_000)

/** How often the breaker of this instance took that colour. */
export const times = (color: 'green' | 'red', { redisChanges }: Instance): number =>
  redisChanges.filter(change => change.to === color).length

/** What the last change to red was put down to. */
export const whyRed = ({ redisChanges }: Instance): string =>
  redisChanges.filter(change => change.to === 'red').at(-1)?.lastError ?? ''

/** The fast lane with some of its methods replaced. */
export function laneWith(lane: RedisFastLane, instead: Partial<Lane>): Lane {
  return new Proxy(lane, {
    get(target, name) {
      if (name in instead) return instead[name as keyof Lane]
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
}

/** Twin: a health check that only pings. */
export const probedByPing =
  (redis: Redis) =>
  (lane: RedisFastLane): Lane =>
    laneWith(lane, {
      probe: async () => {
        await redis.ping()
        return { latencyMs: 0 }
      }
    })

/** Twin: the lock of the tutorials, which lives in Redis alone. Answers whether `who` has it now. */
export const lockInRedisAlone = async (redis: Redis, who: string): Promise<boolean> =>
  (await redis.set('alone:slot', who, 'PX', 600_000, 'NX')) === 'OK'

export const newLock = (): LockId => randomBytes(16).toString('base64url') as LockId

/** Twin: our own marks as the judge. Answers whether this lock has the slot now. */
export async function lockByMarkAlone(lane: RedisFastLane, n: number, lock = newLock()): Promise<boolean> {
  return (await lane.reserve({ calendar, slots: [slot(n)], lock })).status === 'RESERVED'
}

/** Twin: the database asked without anything in front of it. */
export async function lockInDatabase({ judge }: World, n: number): Promise<boolean> {
  const outcome = await judge.grant({
    lock: newLock(),
    calendar,
    owner: newLock() as string as SessionId,
    slots: [slot(n)],
    ttlMs: 600_000,
    fingerprint: 'f',
    lockLifeMaxMs: 7_200_000,
    locksMax: 8,
    lockedSlotsMax: 64
  })
  return outcome.status === 'GRANTED'
}
