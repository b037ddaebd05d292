import { randomBytes } from 'node:crypto'
import type { CalendarId } from '../../domain/ids.js'
import type { StoreContext } from './context.js'

export const scratchPrefix = 'slotlock-scratch-'

/** A calendar that nobody defines, so that no list shows it: for trying out whether a deployment works. */
export const scratchCalendar = (): CalendarId =>
  `${scratchPrefix}${randomBytes(8).toString('hex')}` as CalendarId

/** Deletes every trace of a scratch calendar. Throws RangeError for any other, and deletes nothing of one that is defined. */
export async function eraseScratch(context: StoreContext, calendar: CalendarId): Promise<void> {
  if (!calendar.startsWith(scratchPrefix)) throw new RangeError(`${calendar} is no scratch calendar`)
  const tables = ['slots', 'locks', 'selections', 'bookings', 'audit']
  await context.db.transact(
    tables.map(table => ({
      text: `DELETE FROM ${table} WHERE calendar = :calendar AND NOT EXISTS (SELECT 1 FROM calendars WHERE id = :calendar)`,
      values: { calendar }
    }))
  )
}
