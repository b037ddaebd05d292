import t from 'tap'
import { onEachSetUp, type Subject } from './clinic.js'
import { booking } from './contract/booking.js'
import { calendars } from './contract/calendars.js'
import { frames } from './contract/frames.js'
import { holding } from './contract/holding.js'
import { hosts } from './contract/hosts.js'
import { hovering } from './contract/hovering.js'
import { locking } from './contract/locking.js'
import { pushes } from './contract/pushes.js'
import { polling, reading } from './contract/reading.js'
import { repeating, replacing } from './contract/repeating.js'
import { sessions } from './contract/sessions.js'
import { signingOut } from './contract/signing-out.js'
import { staff } from './contract/staff.js'
import { staffWatching } from './contract/staff-watching.js'
import { type Face, faces } from './visitor.js'

/**
 * The wire contract, operation by operation, against real processes: on every set-up, over HTTP and over WebSocket, Ann
 * on one instance and Bob on the other. One start of each set-up serves all subjects, for the starts take longer than
 * the tests.
 */
const subjects: [name: string, subject: Subject, only?: Face][] = [
  ['sessions', sessions],
  ['signing out', signingOut],
  ['calendars', calendars, 'http'],
  ['reading', reading],
  ['polling', polling, 'http'],
  ['hovering', hovering],
  ['locking', locking],
  ['repeating', repeating],
  ['replacing', replacing],
  ['holding', holding],
  ['booking', booking],
  ['hosts', hosts],
  ['staff', staff],
  ['staff watching', staffWatching, 'ws'],
  ['pushes', pushes, 'ws'],
  ['frames', frames]
]

// three starts of everything, and a machine that does other things meanwhile
t.setTimeout(400_000)

onEachSetUp(t, async (t, clinic) => {
  for (const [name, subject, only] of subjects)
    for (const face of faces)
      if (only === undefined || only === face)
        await t.test(`${name} by ${face}`, t => subject(t, clinic, face))
})
