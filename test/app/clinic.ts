import type { Test } from 'tap'
import type { ResultOf } from '../../src/protocol/operations.js'
import type { Env } from '../helpers/instance.js'
import { until } from '../helpers/process.js'
import { setUps, startWorld, type World } from '../helpers/set-ups.js'
import { askHttp, type Face, Visitor } from './visitor.js'

/** The calendar that the tests of this folder book in: UTC, half hours from eight to eight, every day. */
export const calendar = 'clinic'
const rooms = 40
const openingHour = 8
const slotsPerDay = 24
const dayMs = 86_400_000

export const day = (fromToday: number): string =>
  new Date(Date.now() + fromToday * dayMs).toISOString().slice(0, 10)

/** A slot of the grid by its place in the day, or off it: `slotAt('room-0', 3, -1)` is before the opening. */
export function slotAt(room: string, fromToday: number, index: number): string {
  const startMs = Date.parse(day(fromToday)) + openingHour * 3_600_000 + index * 1_800_000
  return `${room}/${new Date(startMs).toISOString().slice(0, 16)}Z`
}

/** What the contract promises about one subject. */
export type Subject = (t: Test, clinic: Clinic, face: Face) => Promise<void>

const hours = [['08:00', '20:00']]
export const definition = {
  name: 'Clinic',
  timeZone: 'UTC',
  slotMinutes: 30,
  grid: 'hours',
  resources: Array.from({ length: rooms }, (_, room) => ({
    id: `room-${room}`,
    name: `Room ${room}`,
    hours: { mon: hours, tue: hours, wed: hours, thu: hours, fri: hours, sat: hours, sun: hours }
  })),
  exceptions: []
}

/** A set-up with its clinic, and slots that nobody has asked for yet. */
export class Clinic {
  readonly world: World
  #t: { teardown(end: () => unknown): void }
  #next = 0

  constructor(t: { teardown(end: () => unknown): void }, world: World) {
    this.#t = t
    this.world = world
  }

  /** Defines the calendar; both instances know it then. */
  async open(): Promise<void> {
    const admin = this.world.tokenOf('admin')
    const defined = await askHttp(this.world.a, 'putCalendar', { calendar, ...definition }, admin)
    if (!defined.ok) throw new Error(`no calendar: ${JSON.stringify(defined.error)}`)
    for (const instance of this.world.instances)
      await until('the calendar is known', async () => {
        const listed = await askHttp(instance, 'listCalendars')
        return listed.ok && listed.result.calendars.some(({ id }) => id === calendar)
      })
  }

  /** Consecutive ones of one room and of one day, which is so far ahead that none begins meanwhile. */
  slots(count: number): string[] {
    if (count > slotsPerDay) throw new RangeError(`${count} slots are not in a day`)
    if (slotsPerDay - (this.#next % slotsPerDay) < count)
      this.#next += slotsPerDay - (this.#next % slotsPerDay)
    const first = this.#next
    this.#next += count
    if (this.#next > rooms * slotsPerDay) throw new RangeError('the clinic is full')
    const room = `room-${Math.floor(first / slotsPerDay)}`
    return Array.from({ length: count }, (_, index) => slotAt(room, 2, (first % slotsPerDay) + index))
  }

  slot(): string {
    return this.slots(1)[0]!
  }

  /** Ann on the first instance. */
  ann(face: Face, token?: string): Promise<Visitor> {
    return Visitor.open(this.#t, face, this.world.a, token)
  }

  /** Bob on the other, where there is one. */
  bob(face: Face, token?: string): Promise<Visitor> {
    return Visitor.open(this.#t, face, this.world.b, token)
  }

  /** Somebody who watches the clinic, on the other instance. */
  async watcher(token?: string): Promise<Visitor> {
    const watcher = await this.bob('ws', token)
    await watcher.must('readSlots', range)
    return watcher
  }

  /** What the slots are, read anew. */
  async read(at = this.world.a, token?: string): Promise<ResultOf<'readSlots'>> {
    const read = await askHttp(at, 'readSlots', range, token)
    if (!read.ok) throw new Error(`the slots could not be read: ${read.error.code}`)
    return read.result
  }

  async stateOf(slot: string, at = this.world.a): Promise<ResultOf<'readSlots'>['slots'][number]> {
    const found = (await this.read(at)).slots.find(state => state.slot === slot)
    if (found === undefined) throw new Error(`${slot} is not in the clinic`)
    return found
  }
}

/** The day of all slots that a Clinic hands out. */
export const range = { calendar, from: day(2), to: day(2) }

/** Asks until there is something to answer. */
export async function soon<T>(ask: () => Promise<T | undefined>, boundMs?: number): Promise<T> {
  const answers: T[] = []
  await until(
    'the answer is there',
    async () => {
      const answer = await ask()
      if (answer !== undefined) answers.push(answer)
      return answer !== undefined
    },
    boundMs
  )
  return answers[0]!
}

/** The same test on each set-up. */
export function onEachSetUp(
  t: Test,
  body: (t: Test, clinic: Clinic) => Promise<void>,
  settings: Env = {}
): void {
  for (const setUp of setUps) {
    void t.test(setUp.name, async t => {
      const clinic = new Clinic(t, await startWorld(t, setUp, { settings }))
      await clinic.open()
      await body(t, clinic)
    })
  }
}
