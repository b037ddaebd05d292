import type { Browser } from 'playwright-core'
import type { Test } from 'tap'
import { HostSite, openBrowser } from '../../helpers/chromium.js'
import type { Env } from '../../helpers/instance.js'
import { type SetUp, setUps, startWorld, type World } from '../../helpers/set-ups.js'

/** A practice with its web site: one server, one browser, and slots that no other test of the file touches. */
export interface Practice {
  readonly browser: Browser
  readonly site: HostSite
  readonly world: World
  readonly url: string
  /** `index`: half hours from eight, on the day that is so many days ahead. */
  slot(index: number, daysAhead?: number): string
  define(calendar: string, definition: object): Promise<void>
  /** Any operation by HTTP, as staff or admin. */
  ask(method: string, path: string, role: 'staff' | 'admin', body?: object): Promise<unknown>
}

const dayMs = 86_400_000
const allWeek = (hours: string[][]): object =>
  Object.fromEntries(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map(day => [day, hours]))

export const openingHours = allWeek([['08:00', '18:00']])
export const allDay = allWeek([['00:00', '24:00']])

export async function openPractice(
  t: Test,
  { setUp = setUps[0]!, settings = {}, world }: { setUp?: SetUp; settings?: Env; world?: World } = {}
): Promise<Practice> {
  const site = await HostSite.open(t)
  const browser = await openBrowser(t)
  const running =
    world ?? (await startWorld(t, setUp, { settings: { SLOTLOCK_ORIGINS: site.origin, ...settings } }))
  const { url } = running.a
  const ask = async (
    method: string,
    path: string,
    role: 'staff' | 'admin',
    body?: object
  ): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${running.tokenOf(role)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? undefined : response.json()
  }
  const define = async (calendar: string, definition: object): Promise<void> => {
    await ask('PUT', `/v1/calendars/${calendar}`, 'admin', definition)
  }
  await define('clinic', {
    name: 'Clinic',
    timeZone: 'UTC',
    slotMinutes: 30,
    resources: [{ id: 'dr-lee', name: 'Dr. Lee', hours: openingHours }]
  })
  return {
    browser,
    site,
    world: running,
    url,
    define,
    ask,
    slot: (index, daysAhead = 1) => {
      const day = Date.parse(new Date(Date.now() + daysAhead * dayMs).toISOString().slice(0, 10))
      const startMs = day + 8 * 3_600_000 + index * 1_800_000
      return `dr-lee/${new Date(startMs).toISOString().slice(0, 16)}Z`
    }
  }
}
