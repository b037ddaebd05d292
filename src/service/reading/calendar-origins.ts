import type { CalendarDefinition } from '../../domain/calendar.js'
import { StoreError } from '../../domain/errors.js'
import { parseCalendarId } from '../../domain/ids.js'
import type { CalendarDirectory } from './calendars.js'

/** Which pages the calendars themselves let in. Asks the directory, which has the definitions in memory. */
export class CalendarOrigins {
  readonly #calendars: Pick<CalendarDirectory, 'find' | 'list'>
  #known: { of: readonly CalendarDefinition[]; origins: ReadonlySet<string> } | undefined

  constructor(calendars: Pick<CalendarDirectory, 'find' | 'list'>) {
    this.#calendars = calendars
  }

  /** Of one calendar; undefined: it says nothing of them, or there is none. Never rejects for a store that is out. */
  async of(name: string): Promise<readonly string[] | undefined> {
    const calendar = parseCalendarId(name)
    if (calendar === undefined) return undefined
    const grid = await this.#calendars.find(calendar).catch(unknown)
    return grid?.definition.origins
  }

  /** Whether some calendar names it. While nothing can be known: no. */
  async anyNames(origin: string): Promise<boolean> {
    const all = await this.#calendars.list().catch(unknown)
    if (all === undefined) return false
    if (this.#known?.of !== all) {
      this.#known = { of: all, origins: new Set(all.flatMap(({ origins = [] }) => origins)) }
    }
    return this.#known.origins.has(origin)
  }
}

function unknown(error: unknown): undefined {
  if (!(error instanceof StoreError)) throw error
}
