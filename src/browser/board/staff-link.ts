import type { PushOf } from '../../protocol/messages.js'
import type { ResultOf } from '../../protocol/operations.js'
import type { StaffLockView } from '../../protocol/schemas.js'
import {
  type CalendarInfo,
  type CalendarStore,
  SlotlockClient,
  type SlotlockError,
  type TokenStorage
} from '../client/index.js'
import { addDays, type Zone, zoneOr } from '../shared/zone.js'
import type { Notice } from './board.js'
import { caughtUp, emptyFeed, type Feed, withNews, withOlder } from './feed-model.js'
import { GridModel } from './grid-model.js'
import { isStaff, type KeptToken } from './sign-in.js'
import type { Link } from './words.js'

export interface StaffLinkHost {
  changed(): void
  /** Other rows or columns: another day, another calendar, or the day came. */
  shownAnew(): void
  /** The token is none of staff any more. */
  signedOut(): void
}

const pollMs = 3_000

/**
 * What the board knows, kept up to date, and what it does, carried out. No DOM.
 *
 * The slots come from the calendar's store, like a visitor's. The holds and what happened come from `staff-watch`, which is
 * asked anew with each connection: its answer replaces what is known, and the pushes after it change that, in order.
 */
export class StaffLink {
  readonly grid = new GridModel()
  feed: Feed = emptyFeed
  calendars: readonly CalendarInfo[] = []
  calendar: CalendarInfo | undefined
  day = ''
  zone: Zone = zoneOr('UTC')
  /** The calendar cannot be read, and why. */
  error: SlotlockError | undefined
  loading = true
  readonly #client: SlotlockClient
  readonly #kept: KeptToken
  readonly #host: StaffLinkHost
  #token: string
  #store: CalendarStore | undefined
  #stops: (() => void)[] = []
  #stopStore = (): void => {}
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(url: string, token: string, kept: KeptToken, host: StaffLinkHost) {
    this.#kept = kept
    this.#host = host
    this.#token = token
    const storage: TokenStorage = {
      getItem: () => this.#token,
      setItem: (_key, next) => {
        this.#token = next
      },
      removeItem: () => {
        this.#token = ''
      }
    }
    this.#client = new SlotlockClient({ url, storage })
    this.#stops = [
      this.#client.on('session', session => {
        // a token that is over makes a visitor of us, who is not to be remembered
        if (!isStaff(session)) return host.signedOut()
        this.#kept.keep(this.#token)
        void this.#begin()
      }),
      this.#client.on('push', push => {
        if (push.type === 'staff') this.#pushed(push as unknown as PushOf<'staff'>)
      }),
      this.#client.subscribe(() => host.changed())
    ]
    this.#client.connect()
    this.#timer = setInterval(() => {
      if (this.#client.status === 'polling') void this.#watch()
    }, pollMs)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#stopStore()
    for (const stop of this.#stops) stop()
    this.#client.close()
  }

  get token(): string {
    return this.#token
  }

  get link(): Link {
    const { status, service } = this.#client
    if (status === 'offline' || status === 'closed') return 'offline'
    if (status === 'connecting') return 'connecting'
    if (service === 'unavailable') return 'unavailable'
    if (status === 'polling') return 'polling'
    return service === 'degraded' ? 'degraded' : 'live'
  }

  nowMs(): number {
    return this.#client.serverNow()
  }

  leftMs(endsAt: number | undefined): number {
    return endsAt === undefined ? 0 : this.#client.leftMs({ endsAt })
  }

  today(): string {
    return this.zone.at(this.nowMs()).date
  }

  reconnectNow(): void {
    this.#client.reconnectNow()
  }

  showCalendar(id: string): void {
    const info = this.calendars.find(calendar => calendar.id === id)
    if (info === undefined || info === this.calendar) return
    const before = this.calendar
    this.calendar = info
    this.zone = zoneOr(info.timeZone)
    this.day = this.today()
    this.feed = emptyFeed
    this.grid.setLocks([])
    this.#open()
    if (before !== undefined)
      void this.#client.request('staff-unwatch', { calendar: before.id }).catch(() => {})
    void this.#watch()
    this.#host.changed()
  }

  showDay(day: string): void {
    if (day === this.day || Number.isNaN(Date.parse(day))) return
    this.day = day
    this.loading = true
    this.#store?.setRange(day, day)
    this.#showAnew()
  }

  turnDay(days: number): void {
    this.showDay(addDays(this.day, days))
  }

  async readOlder(): Promise<void> {
    const { cursor } = this.feed
    const { calendar } = this
    if (cursor === undefined || calendar === undefined) return
    const page = await this.#readAudit(calendar.id, `&cursor=${cursor}`)
    if (calendar !== this.calendar || page === undefined) return
    this.feed = withOlder(this.feed, page)
    this.#host.changed()
  }

  async free(locks: readonly string[], reason: string): Promise<Notice> {
    let [count, gone] = [0, 0]
    for (const lock of locks) {
      try {
        await this.#client.request('revoke', reason === '' ? { lock } : { lock, reason })
        count += 1
      } catch (error) {
        if (codeOf(error) !== 'LOCK_NOT_FOUND') return { kind: 'failed', code: codeOf(error) }
        gone += 1
      }
    }
    return { kind: 'freed', count, gone }
  }

  async setClosed(slots: readonly string[], closed: boolean): Promise<Notice> {
    const wanted = closed ? 'blocked' : 'free'
    const calendar = this.calendar!.id
    let count = 0
    try {
      for (let from = 0; from < slots.length; from += slotsPerRequestMax) {
        const some = slots.slice(from, from + slotsPerRequestMax)
        const answer = await this.#client.request(closed ? 'block' : 'unblock', { calendar, slots: some })
        count += answer.slots.filter(({ state }) => state === wanted).length
      }
    } catch (error) {
      return { kind: 'failed', code: codeOf(error) }
    }
    return { kind: closed ? 'closed' : 'opened', count, left: slots.length - count }
  }

  async #begin(): Promise<void> {
    try {
      const covered = this.#client.session?.calendars
      const all = await this.#client.listCalendars()
      this.calendars = covered === undefined ? all : all.filter(({ id }) => covered.includes(id))
    } catch {
      // the next connection asks again
      return
    }
    this.loading = this.calendars.length > 0 && this.loading
    if (this.calendar === undefined && this.calendars[0] !== undefined)
      this.showCalendar(this.calendars[0].id)
    else await this.#watch()
    this.#host.changed()
  }

  #open(): void {
    this.#stopStore()
    const store = this.#client.calendar(this.calendar!.id, { from: this.day, to: this.day })
    this.#store = store
    this.loading = true
    const stop = store.subscribe(changed => {
      const snapshot = store.get()
      this.error = snapshot.error
      if (snapshot.from !== this.day) return
      const placed = !changed.all && !this.loading && this.grid.change(snapshot, changed)
      if (snapshot.state !== 'loading') this.loading = false
      if (placed) this.#host.changed()
      else this.#showAnew()
    })
    this.#stopStore = () => {
      stop()
      store.close()
    }
    this.#showAnew()
  }

  #showAnew(): void {
    if (this.#store !== undefined) this.grid.show(this.day, this.calendar, this.#store.get(), this.zone)
    this.#host.shownAnew()
  }

  /** The holds and the newest of what happened; over a WebSocket also what follows. */
  async #watch(): Promise<void> {
    const { calendar, feed: before } = this
    if (calendar === undefined) return
    try {
      const answer = (await this.#client.request('staff-watch', { calendar: calendar.id })) as {
        locks: StaffLockView[]
      }
      if (calendar !== this.calendar) return
      this.grid.setLocks(answer.locks)
    } catch (error) {
      if (codeOf(error) === 'UNAUTHENTICATED' || codeOf(error) === 'FORBIDDEN') this.#host.signedOut()
      return
    }
    const page = await this.#readAudit(calendar.id, '')
    if (calendar !== this.calendar || page === undefined) return
    this.feed = caughtUp(before, this.feed, page)
    this.#host.changed()
  }

  async #readAudit(calendar: string, more: string): Promise<ResultOf<'readAudit'> | undefined> {
    try {
      const path = `/v1/staff/audit?calendar=${calendar}&limit=${entriesPerPage}${more}`
      return (await this.#client.http('GET', path)) as ResultOf<'readAudit'>
    } catch {
      return undefined
    }
  }

  #pushed({ calendar, locks, ended, feed }: PushOf<'staff'>): void {
    if (calendar !== this.calendar?.id) return
    this.grid.changeLocks(locks, ended)
    this.feed = withNews(this.feed, feed)
    this.#host.changed()
  }
}

const slotsPerRequestMax = 256
const entriesPerPage = 50

const codeOf = (error: unknown): string => {
  if (error instanceof Error && error.name === 'SlotlockError') return (error as SlotlockError).code
  throw error
}
