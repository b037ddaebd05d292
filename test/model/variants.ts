import type { Configuration } from './bounds.js'
import type { Mistake } from './mistakes.js'
import type { PromiseName } from './words.js'

/** A protocol with one protection left out, and the shortest way in which that goes wrong. */
export interface Variant {
  without: Mistake
  /** What it does instead. */
  does: string
  in: Configuration
  breaks: PromiseName
  steps: number
  /** Promises that this mistake breaks by being made; not looked at, so that the harm to somebody shows. */
  ignoring?: PromiseName[]
}

export const variants: Variant[] = [
  {
    without: 'acknowledge before commit',
    does: 'says yes when the statement is sent',
    in: 'two slots',
    breaks: 'ONE_HOLDER',
    steps: 2
  },
  {
    without: 'unconditional upsert',
    does: 'overwrites the row, whoever has it',
    in: 'two slots',
    breaks: 'ONE_HOLDER',
    steps: 4
  },
  {
    without: 'release by slot',
    does: 'frees the slot, whoever has it by now',
    in: 'one slot',
    breaks: 'HOLDER_KEPT',
    steps: 9
  },
  {
    without: 'release by owner',
    does: 'frees whatever the session has on the slot',
    in: 'one slot',
    breaks: 'ONE_HOLDER',
    steps: 9
  },
  {
    without: 'sweep by slot',
    does: 'selects what expired, frees those slots later',
    in: 'swept',
    breaks: 'ONE_HOLDER',
    steps: 9
  },
  {
    without: 're-grant by owner',
    does: 'gives the session the lock it has, instead of a conflict',
    in: 'one slot',
    breaks: 'ONE_HOLDER',
    steps: 9
  },
  {
    without: 'grant ignores bookings',
    does: 'takes a booked row like a free one',
    in: 'two slots',
    breaks: 'BOOKED_STAYS',
    steps: 6
  },
  {
    without: 'unknown told as success',
    does: 'tells a timeout as a yes',
    in: 'two slots',
    breaks: 'ONE_HOLDER',
    steps: 4
  },
  {
    without: 'Redis refuses alone',
    does: 'refuses without a look at the row',
    in: 'two slots',
    breaks: 'ANSWER_TRUE',
    steps: 1
  },
  {
    without: 'refusal reads only slots',
    does: 'confirms a refusal by the slots, not by the lock of this very request',
    in: 'two slots',
    breaks: 'ANSWER_TRUE',
    steps: 3
  },
  {
    without: 'Redis wins at resync',
    does: 'copies Redis to the database',
    in: 'swept',
    breaks: 'ONE_HOLDER',
    steps: 5
  },
  {
    without: 'sweep trusts Redis',
    does: 'frees rows whose key is missing in Redis',
    in: 'swept',
    breaks: 'ONE_HOLDER',
    steps: 5
  },
  {
    without: 'booking asks Redis',
    does: 'checks the lock in Redis',
    in: 'two slots',
    breaks: 'HOLDER_KEPT',
    steps: 4
  },
  {
    without: 'booking trusts its key',
    does: 'relies on the unique key of bookings alone',
    in: 'two slots',
    breaks: 'BOOKED_BY_HOLDER',
    steps: 5
  },
  {
    without: 'no deadline',
    does: 'carries packets out however late they are',
    in: 'late',
    breaks: 'REFUSED_STAYS_REFUSED',
    steps: 8,
    ignoring: ['LATE_DOES_NOTHING']
  },
  {
    without: 'refusal taken as final',
    does: 'expects, after an unknown outcome, that a refused resend ends the matter at once',
    in: 'two slots',
    breaks: 'REFUSED_STAYS_REFUSED',
    steps: 7
  },
  {
    without: 'request forgotten',
    does: 'deletes the row of a lock at its release',
    in: 'two slots',
    breaks: 'RESENT_ONCE',
    steps: 6
  },
  {
    without: 'replace in two',
    does: 'releases the old lock, then takes the new one',
    in: 'replaces',
    breaks: 'ALL_OR_NOTHING',
    steps: 7
  },
  {
    without: 'row by row',
    does: 'takes the slots of one lock in one transaction each',
    in: 'two slots',
    breaks: 'ALL_OR_NOTHING',
    steps: 5
  },
  {
    without: 'version per row',
    does: 'lets each row count its own version; the fence is the greatest of them',
    in: 'versions',
    breaks: 'FENCE_GROWS',
    steps: 9
  },
  {
    without: 'version unchecked',
    does: 'writes the version it brought, whatever the row has',
    in: 'versions',
    breaks: 'VERSION_GROWS',
    steps: 5
  },
  {
    without: 'behind told as taken',
    does: 'tells a version that lags as a conflict',
    in: 'versions',
    breaks: 'ANSWER_TRUE',
    steps: 5
  },
  {
    without: 'extend ignores time',
    does: 'extends by the lock alone, without a look at the time or the slots',
    in: 'one slot',
    breaks: 'ONE_HOLDER',
    steps: 7
  },
  {
    without: 'provisional grants',
    does: 'goes on with Redis alone while the database is out',
    in: 'versions',
    breaks: 'ONE_HOLDER',
    steps: 5
  },
  {
    without: 'screen takes all',
    does: 'shows each event that comes, whatever its version',
    in: 'screen',
    breaks: 'SCREEN_AGREES',
    steps: 8
  },
  { without: 'no tail', does: 'relies on events alone', in: 'screen', breaks: 'SCREEN_AGREES', steps: 3 }
]
