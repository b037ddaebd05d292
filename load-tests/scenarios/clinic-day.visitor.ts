import type { Random } from '../../src/domain/clock.js'
import type { BookingView, LockView, SelectionView, SlotState } from '../../src/protocol/schemas.js'
import { openCrowd } from '../harness/crowd.js'
import { serveFleet } from '../harness/fleet-member.js'
import { ask, codeOf } from '../harness/http-client.js'
import { patiently } from '../harness/patient.js'
import { Picture } from '../harness/picture.js'
import { pick, seededRandom } from '../harness/random.js'
import { nowMs, pause } from '../harness/time.js'
import type { Answer, WsClient } from '../harness/ws-driver.js'

/**
 * One client process of the clinic's day. A visitor opens the page (reads the slots), looks around (hovers over three slots), clicks one (lock; another
 * one when somebody was faster), fills in the form, and books or leaves. Some have no WebSocket and poll.
 */

interface Range {
  calendar: string
  from: string
  to: string
}

interface Visitor {
  client: WsClient
  http: string
  picture: Picture
  random: Random
  bookings: BookingView[]
}

interface Poller {
  url: string
  picture: Picture
  cursor: string
}

export const timedOperations = ['view', 'select', 'lock', 'book', 'release', 'poll', 'cancel'] as const
export type TimedOperation = (typeof timedOperations)[number]

let range: Range = { calendar: '', from: '', to: '' }
const visitors: Visitor[] = []
const pollers: Poller[] = []
const tookMs = new Map<TimedOperation, number[]>()
const refusals: Record<string, number> = {}
const comings: Promise<void>[] = []
let leaving = false
let requests = 0
let bookings = 0
let busy = 0
const booked: { id: string; lock: string; slots: string[] }[] = []
const cancelled: string[] = []

const hoversPerVisit = 3
const bookedShare = 0.7
const clicksMax = 3
/** With fewer free slots than this left, a visitor who has an appointment gives it up first. */
const freeShareMin = 0.3
const pollEveryMs = 2_000

const handlers = {
  async open(args: {
    range: Range
    ws: string[]
    http: string[]
    visitors: number
    pollers: number
    firstHost: number
    seed: number
  }): Promise<void> {
    range = args.range
    const pictures = Array.from({ length: args.visitors }, () => new Picture())
    const clients = await openCrowd({
      urls: args.ws,
      count: args.visitors,
      firstHost: args.firstHost,
      onPush: (index, push) => {
        if (push.type === 'slots') pictures[index]!.apply(push.slots)
        if (push.type === 'selections') pictures[index]!.applySelections(push.selections)
      }
    })
    const watch = async (client: WsClient, index: number): Promise<void> => {
      const answer = await client.request('watch', range)
      if (!answer.ok) throw new Error(`watch was refused: ${answer.error.code}`)
      const snapshot = answer.result as { slots: SlotState[]; selections: SelectionView[] }
      pictures[index]!.apply(snapshot.slots)
      pictures[index]!.applySelections(snapshot.selections)
      visitors.push({
        client,
        http: args.http[index % args.http.length]!,
        picture: pictures[index]!,
        random: seededRandom(args.seed + index),
        bookings: []
      })
    }
    for (let at = 0; at < clients.length; at += 25)
      await Promise.all(clients.slice(at, at + 25).map((client, offset) => watch(client, at + offset)))
    for (let index = 0; index < args.pollers; index++) {
      const http = args.http[index % args.http.length]!
      const url = `${http}/v1/calendars/${range.calendar}/changes?from=${range.from}&to=${range.to}`
      const poller: Poller = { url, picture: new Picture(), cursor: '' }
      await poll(poller)
      pollers.push(poller)
    }
    forget()
  },

  /** Everybody comes again and again, a visit taking `visitMs` on average, until `leave`. */
  async begin(args: { visitMs: number }): Promise<void> {
    const offset = pollEveryMs / pollers.length
    comings.push(
      ...visitors.map(visitor => comeAndGo(visitor, args.visitMs)),
      ...pollers.map((poller, index) => pollOn(poller, index * offset))
    )
    // whoever breaks off is asked about in `leave`; until then the others go on
    for (const coming of comings) coming.catch(() => {})
  },

  /** What happened within the next `forMs`. */
  async window({ forMs }: { forMs: number }) {
    forget()
    await pause(forMs)
    const samples = Object.fromEntries(
      timedOperations.map(name => [name, Float64Array.from(tookMs.get(name) ?? [])])
    ) as Record<TimedOperation, Float64Array>
    return { samples, requests, bookings, busy }
  },

  /** Everybody gives back what they hold and stops; all that was acknowledged since the beginning. */
  async leave() {
    leaving = true
    await Promise.all(comings)
    return { booked, cancelled, refusals }
  },

  async differences({ fresh }: { fresh: SlotState[] }): Promise<string[][]> {
    for (const poller of pollers) await poll(poller)
    return [
      ...visitors.map(({ client, picture }) =>
        client.closed === undefined ? picture.differences(fresh) : [`closed: ${client.closed}`]
      ),
      ...pollers.map(({ picture }) => picture.differences(fresh).map(found => `by polling, ${found}`))
    ]
  }
}

export type ClinicHandlers = typeof handlers
export const clinicModule: URL = new URL(import.meta.url)

/** Begins a new window; what was acknowledged is never forgotten. */
function forget(): void {
  tookMs.clear()
  requests = 0
  bookings = 0
  busy = 0
}

async function comeAndGo(visitor: Visitor, visitMs: number): Promise<void> {
  await stay((visitor.random() * visitMs) / 3)
  while (!leaving) await visit(visitor, visitMs)
}

async function pollOn(poller: Poller, afterMs: number): Promise<void> {
  await stay(afterMs)
  while (!leaving) {
    await poll(poller)
    await stay(pollEveryMs)
  }
}

/** A pause that ends when everybody leaves. */
async function stay(ms: number): Promise<void> {
  const end = nowMs() + ms
  for (let left = ms; left > 0 && !leaving; left = end - nowMs()) await pause(Math.min(left, 250))
}

async function visit(visitor: Visitor, visitMs: number): Promise<void> {
  const { random } = visitor
  await view(visitor)
  // on average these waits add up to visitMs: arriving, looking and the form take a third each
  const third = visitMs / 3
  await stay(random() * 2 * third)
  for (let hover = 0; hover < hoversPerVisit && !leaving; hover++) {
    const slot = freeSlot(visitor)
    if (slot !== undefined) await timed('select', visitor, { calendar: range.calendar, slot })
    await stay((random() * 2 * third) / hoversPerVisit)
  }
  if (leaving) return
  await giveUpWhenFull(visitor)
  const lock = await clickUntilLocked(visitor)
  if (lock === undefined) return
  await stay(random() * 2 * third)
  if (leaving || random() > bookedShare) {
    await timed('release', visitor, { lock: lock.id })
    return
  }
  const answer = await timed('book', visitor, {
    lock: lock.id,
    requestId: `visit-${lock.id}`,
    customer: { name: 'A Visitor', email: 'visitor@example.org' }
  })
  if (!answer.ok) return
  const { booking } = answer.result as { booking: BookingView }
  visitor.bookings.push(booking)
  booked.push({ id: booking.id, lock: lock.id, slots: booking.slots })
  bookings += 1
}

/** What a page does when it is opened. */
async function view({ http, picture }: Visitor): Promise<void> {
  const answer = await ask(`${http}/v1/calendars/${range.calendar}/slots?from=${range.from}&to=${range.to}`)
  requests += 1
  record('view', answer.tookMs)
  if (answer.status === 200) picture.apply((JSON.parse(answer.text) as { slots: SlotState[] }).slots)
  else refuse('view', codeOf(answer.text) ?? String(answer.status))
}

async function clickUntilLocked(visitor: Visitor): Promise<LockView | undefined> {
  for (let click = 0; click < clicksMax; click++) {
    const slot = freeSlot(visitor)
    if (slot === undefined) return undefined
    const requestId = `click-${Math.floor(visitor.random() * 1e15).toString(36)}`
    const answer = await timed('lock', visitor, { calendar: range.calendar, slots: [slot], requestId })
    if (answer.ok) return (answer.result as { lock: LockView }).lock
  }
  return undefined
}

async function giveUpWhenFull(visitor: Visitor): Promise<void> {
  const states = [...visitor.picture.slots]
  const free = states.filter(({ state }) => state === 'free').length
  if (free > freeShareMin * states.length) return
  const booking = visitor.bookings.shift()
  if (booking === undefined) return
  const token = visitor.client.session?.token
  const answer = await ask(`${visitor.http}/v1/bookings/${booking.id}`, { method: 'DELETE', token })
  requests += 1
  record('cancel', answer.tookMs)
  if (answer.status === 204) cancelled.push(booking.id)
  else {
    refuse('cancel', codeOf(answer.text) ?? String(answer.status))
    visitor.bookings.push(booking)
  }
}

function freeSlot({ picture, random }: Visitor): string | undefined {
  const free = [...picture.slots].filter(({ state }) => state === 'free')
  return free.length === 0 ? undefined : pick(random, free).slot
}

function timed(operation: TimedOperation, { client }: Visitor, params: object): Promise<Answer> {
  return patiently(
    async () => {
      const answer = await client.timed(operation, params)
      requests += 1
      record(operation, answer.tookMs)
      if (!answer.ok) refuse(operation, answer.error.code)
      return answer
    },
    () => {
      busy += 1
    }
  )
}

async function poll(poller: Poller): Promise<void> {
  const since = poller.cursor === '' ? '' : `&since=${encodeURIComponent(poller.cursor)}`
  const answer = await ask(poller.url + since)
  requests += 1
  record('poll', answer.tookMs)
  if (answer.status !== 200) {
    const code = codeOf(answer.text) ?? String(answer.status)
    refuse('poll', code)
    if (code === 'BUSY') busy += 1
    return
  }
  const changes = JSON.parse(answer.text) as {
    slots: SlotState[]
    selections: SelectionView[]
    cursor: string
  }
  poller.picture.apply(changes.slots)
  poller.picture.applySelections(changes.selections)
  poller.cursor = changes.cursor
}

function record(operation: TimedOperation, ms: number): void {
  const samples = tookMs.get(operation)
  if (samples === undefined) tookMs.set(operation, [ms])
  else samples.push(ms)
}

function refuse(operation: TimedOperation, code: string): void {
  const name = `${operation} ${code}`
  refusals[name] = (refusals[name] ?? 0) + 1
}

// the scenario imports the address and the types of this module; only a client process serves
if (process.send !== undefined) serveFleet(handlers)
