import type { Stage } from './steps.js'
import { lockName, slotName } from './story.js'
import { Kind, none, Slot } from './words.js'

/** Protections that can be left out, one at a time. variants.ts says what each of them costs. */
export type Mistake =
  | 'acknowledge before commit'
  | 'unconditional upsert'
  | 'release by slot'
  | 'release by owner'
  | 'sweep by slot'
  | 're-grant by owner'
  | 'grant ignores bookings'
  | 'unknown told as success'
  | 'Redis refuses alone'
  | 'refusal reads only slots'
  | 'Redis wins at resync'
  | 'sweep trusts Redis'
  | 'booking asks Redis'
  | 'booking trusts its key'
  | 'no deadline'
  | 'refusal taken as final'
  | 'request forgotten'
  | 'replace in two'
  | 'row by row'
  | 'version per row'
  | 'version unchecked'
  | 'behind told as taken'
  | 'extend ignores time'
  | 'provisional grants'
  | 'screen takes all'
  | 'no tail'

/** Steps that only a broken protocol has. The other mistakes are exceptions within the steps of the real one. */
export function mistakenSteps(stage: Stage): void {
  switch (stage.mistake) {
    case 'provisional grants':
      databaseGoesAndComes(stage)
      break
    case 'Redis wins at resync':
      rowsFollowRedis(stage, slot => `Redis came back empty and is copied to the database: ${slot} is free`)
      break
    case 'sweep trusts Redis':
      rowsFollowRedis(
        stage,
        slot => `Redis came back empty; the sweeper finds no key for ${slot} and frees it`
      )
      break
    case 'booking asks Redis':
      bookingsAskRedis(stage)
      break
  }
}

function databaseGoesAndComes({ now, next, step }: Stage): void {
  if (!now.flag && now.left('crashes') === 0) return
  step(
    () => (now.flag ? 'the database is back' : 'the database goes out'),
    () => {
      next.flag = !now.flag
      return now.flag || next.spend('crashes')
    }
  )
}

function rowsFollowRedis(
  { bounds, now, next, nextDatabase, step }: Stage,
  tell: (slot: string) => string
): void {
  for (let slot = 0; slot < bounds.slots; slot++) {
    if (now.slotState(slot) !== Slot.locked || now.left('sweeps') === 0) continue
    step(
      () => tell(slotName(slot)),
      () => {
        nextDatabase.change(slot, Slot.free, none, now.slotVer(slot) + 1)
        return next.spend('sweeps')
      }
    )
  }
}

function bookingsAskRedis({ bounds, now, next, nextDatabase, step }: Stage): void {
  for (let place = 0; place < bounds.packets; place++) {
    const packet = now.packet(place)
    if (packet?.kind !== Kind.book) continue
    for (const has of [true, false]) {
      step(
        () =>
          `the booking of ${lockName(packet.lock, bounds.attempts)} asks Redis, which ${has ? 'still has' : 'has lost'} the lock`,
        () => {
          next.setPacket(place, undefined)
          if (has) nextDatabase.bookNow(packet)
          else nextDatabase.tell.over(packet.lock)
          return true
        }
      )
    }
  }
}
