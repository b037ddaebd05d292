/**
 * What the model knows at one moment, one byte per fact, so that a state is copied and compared as bytes.
 *
 * Users are numbered from 0, and user u has the locks u * attempts … u * attempts + attempts - 1: a lock's id is made
 * of its session and its request, so a request sent twice names the same lock. Each user talks to the instance of the
 * same number unless the request is a resend. Bytes that are of no use in a state are 0, lest
 * two states differ in nothing.
 */
import { type Bounds, type Kind, type Packet, type PromiseName, promises } from './words.js'

const wordBytes = 4

/** Where in the head of a state it stands how many of each are left. */
const budgets = {
  timeouts: 2,
  periods: 3,
  lates: 4,
  sweeps: 5,
  revokes: 6,
  crashes: 7,
  losses: 8,
  doubles: 9,
  reads: 10
} as const
export type Budget = keyof typeof budgets
const headBytes = 11

/** What a byte says, where that matters when users and slots are renamed. A lock and a slot are written plus one. */
type Meaning = 'plain' | 'lock' | 'slot' | 'request' | 'flags'

/** Records of one kind that lie side by side. */
interface Block {
  at: number
  count: number
  of: 'lock' | 'slot' | 'user' | 'nothing'
  bytes: Meaning[]
}

/** Users and slots by other names: byte i comes from `from[i]`, and its value becomes `value[i][…]`. */
export interface Renaming {
  from: Uint8Array
  value: Uint8Array[]
}

export class World {
  readonly bytes: Uint8Array
  readonly bounds: Bounds
  readonly locks: number
  readonly #words: Int32Array
  readonly #blocks: Block[] = []
  readonly #ignored: readonly PromiseName[]
  readonly #lock: number
  readonly #slot: number
  readonly #user: number
  readonly #reading: number
  readonly #screen: number
  readonly #packet: number
  readonly #event: number
  readonly eventsMax: number
  /** Not part of the state: the change in hand found no room for its events. */
  overflows = false

  constructor(bounds: Bounds, ignored: readonly PromiseName[] = []) {
    this.bounds = bounds
    this.#ignored = ignored
    this.locks = bounds.users * bounds.attempts
    this.eventsMax = bounds.screen?.events ?? 0
    const watched = bounds.screen === undefined ? 0 : 1
    let width = 0
    const block = (count: number, of: Block['of'], ...bytes: Meaning[]): number => {
      const at = width
      this.#blocks.push({ at, count, of, bytes })
      width += count * bytes.length
      return at
    }
    const p = 'plain'
    block(headBytes, 'nothing', p)
    this.#lock = block(this.locks, 'lock', p, p, p, 'request', p, p)
    this.#slot = block(bounds.slots, 'slot', p, 'lock', p, p)
    this.#user = block(bounds.users, 'user', p, p)
    this.#reading = block(watched, 'nothing', p)
    this.#screen = block(watched * bounds.slots, 'slot', p, p, 'lock', p, p, 'lock')
    block((wordBytes - (width % wordBytes)) % wordBytes, 'nothing', p)
    this.#packet = block(bounds.packets, 'nothing', p, 'lock', 'flags', p)
    this.#event = block(this.eventsMax, 'nothing', 'slot', p, p, 'lock')
    this.bytes = new Uint8Array(width)
    this.#words = new Int32Array(this.bytes.buffer)
  }

  load(bytes: Uint8Array): void {
    this.bytes.set(bytes)
  }
  copy(other: World): void {
    this.overflows = false
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = other.#words[i]!
  }

  /** The first promise that was broken on the way here, as its place in `promises` + 1; 0: none. */
  get broken(): number {
    return this.bytes[0]!
  }
  break(promise: PromiseName): void {
    if (this.bytes[0] === 0 && !this.#ignored.includes(promise)) this.bytes[0] = promises.indexOf(promise) + 1
  }
  /** A broken variant's own switch. */
  get flag(): boolean {
    return this.bytes[1] === 1
  }
  set flag(on: boolean) {
    this.bytes[1] = on ? 1 : 0
  }

  /** Nobody may ask for anything any more and nothing is on its way: no promise can break from here on. */
  isOver(): boolean {
    for (let user = 0; user < this.bounds.users; user++) if (this.sendsLeft(user) > 0) return false
    for (let i = this.#packet; i < this.bytes.length; i += wordBytes) if (this.bytes[i] !== 0) return false
    return this.bounds.screen === undefined
  }

  left(what: Budget): number {
    return this.bytes[budgets[what]]!
  }
  setLeft(what: Budget, n: number): void {
    this.bytes[budgets[what]] = n
  }
  /** False when the bound is met; otherwise one is taken. */
  spend(what: Budget): boolean {
    const at = budgets[what]
    if (this.bytes[at] === 0) return false
    this.bytes[at]!--
    return true
  }
  sendsLeft(user: number): number {
    return this.bytes[this.#user + user * 2]!
  }
  setSendsLeft(user: number, n: number): void {
    this.bytes[this.#user + user * 2] = n
  }

  // ---- locks: the row in the database …
  lockState = (lock: number): number => this.bytes[this.#lock + lock * 6]!
  setLockState(lock: number, state: number): void {
    this.bytes[this.#lock + lock * 6] = state
  }
  /** Periods left by the database's clock. */
  time = (lock: number): number => this.bytes[this.#lock + lock * 6 + 1]!
  setTime(lock: number, periods: number): void {
    this.bytes[this.#lock + lock * 6 + 1] = periods
  }
  /** Whether it was ever granted: not the database's knowledge but the judge's over it. */
  wasGranted = (lock: number): boolean => this.bytes[this.#lock + lock * 6 + 2] === 1
  setGranted(lock: number): void {
    this.bytes[this.#lock + lock * 6 + 2] = 1
  }
  /** … what was asked for, bit per slot, and which lock it replaces … */
  wants = (lock: number): number => this.bytes[this.#lock + lock * 6 + 3]! & 3
  replacesOlder = (lock: number): boolean => (this.bytes[this.#lock + lock * 6 + 3]! & 4) !== 0
  setRequest(lock: number, slots: number, replacesOlder: boolean): void {
    this.bytes[this.#lock + lock * 6 + 3] = slots | (replacesOlder ? 4 : 0)
  }
  /** … and what its user was told, with the periods left by the user's own countdown. */
  told = (lock: number): number => this.bytes[this.#lock + lock * 6 + 4]!
  setTold(lock: number, told: number): void {
    this.bytes[this.#lock + lock * 6 + 4] = told
  }
  countdown = (lock: number): number => this.bytes[this.#lock + lock * 6 + 5]!
  setCountdown(lock: number, periods: number): void {
    this.bytes[this.#lock + lock * 6 + 5] = periods
  }

  // ---- slots: the row in the database
  slotState = (slot: number): number => this.bytes[this.#slot + slot * 4]!
  slotLock = (slot: number): number => this.bytes[this.#slot + slot * 4 + 1]! - 1
  slotVer = (slot: number): number => this.bytes[this.#slot + slot * 4 + 2]!
  setSlot(slot: number, state: number, lock: number, ver: number): void {
    const at = this.#slot + slot * 4
    this.bytes[at] = state
    this.bytes[at + 1] = lock + 1
    this.bytes[at + 2] = ver
  }

  /** The greatest fence that a lock on this slot ever had: the judge's knowledge, not the row's. */
  slotFence = (slot: number): number => this.bytes[this.#slot + slot * 4 + 3]!
  setSlotFence(slot: number, fence: number): void {
    this.bytes[this.#slot + slot * 4 + 3] = fence
  }

  /** The last version that an instance handed out. */
  clock = (instance: number): number => this.bytes[this.#user + instance * 2 + 1]!
  setClock(instance: number, ver: number): void {
    this.bytes[this.#user + instance * 2 + 1] = ver
  }

  // ---- packets: a sorted bag, so that two states with the same packets are the same state
  packet(i: number): Packet | undefined {
    const at = this.#packet + i * wordBytes
    const head = this.bytes[at]!
    if (head === 0) return undefined
    const flags = this.bytes[at + 2]!
    return {
      kind: head as Kind,
      lock: this.bytes[at + 1]! - 1,
      instance: (flags >> 2) - 1,
      awaited: (flags & 1) !== 0,
      late: (flags & 2) !== 0,
      ver: this.bytes[at + 3]!
    }
  }
  setPacket(i: number, packet: Packet | undefined): void {
    const at = this.#packet + i * wordBytes
    this.bytes[at] = packet?.kind ?? 0
    this.bytes[at + 1] = packet ? packet.lock + 1 : 0
    this.bytes[at + 2] = packet
      ? ((packet.instance + 1) << 2) | (packet.late ? 2 : 0) | (packet.awaited ? 1 : 0)
      : 0
    this.bytes[at + 3] = packet?.ver ?? 0
  }
  freePacket(): number {
    for (let i = 0; i < this.bounds.packets; i++) if (this.bytes[this.#packet + i * wordBytes] === 0) return i
    return -1
  }
  awaitedPacket(user: number): number {
    for (let i = 0; i < this.bounds.packets; i++) {
      const at = this.#packet + i * wordBytes
      if ((this.bytes[at + 2]! & 1) !== 0 && this.ownerOf(this.bytes[at + 1]! - 1) === user) return i
    }
    return -1
  }
  ownerOf = (lock: number): number => Math.floor(lock / this.bounds.attempts)

  // ---- the screen: what it shows, a reading of the database on its way to it, events on their way to it
  screenVer = (slot: number): number => this.bytes[this.#screen + slot * 6]!
  screenState = (slot: number): number => this.bytes[this.#screen + slot * 6 + 1]!
  screenLock = (slot: number): number => this.bytes[this.#screen + slot * 6 + 2]! - 1
  setScreen(slot: number, ver: number, state: number, lock: number): void {
    this.#triple(this.#screen + slot * 6, ver, state, lock)
  }
  readVer = (slot: number): number => this.bytes[this.#screen + slot * 6 + 3]!
  readState = (slot: number): number => this.bytes[this.#screen + slot * 6 + 4]!
  readLock = (slot: number): number => this.bytes[this.#screen + slot * 6 + 5]! - 1
  setRead(slot: number, ver: number, state: number, lock: number): void {
    this.#triple(this.#screen + slot * 6 + 3, ver, state, lock)
  }
  /** Bit 1: a reading is on its way. Bit 0: nothing has changed in the database since the last reading. */
  get reading(): boolean {
    return (this.bytes[this.#reading]! & 2) !== 0
  }
  get readSinceChange(): boolean {
    return (this.bytes[this.#reading]! & 1) !== 0
  }
  setReading(reading: boolean, readSinceChange: boolean): void {
    this.bytes[this.#reading] = (reading ? 2 : 0) | (readSinceChange ? 1 : 0)
  }
  event(i: number): { slot: number; ver: number; state: number; lock: number } | undefined {
    const at = this.#event + i * wordBytes
    if (this.bytes[at] === 0) return undefined
    return {
      slot: this.bytes[at]! - 1,
      ver: this.bytes[at + 1]!,
      state: this.bytes[at + 2]!,
      lock: this.bytes[at + 3]! - 1
    }
  }
  /** With no room left the step that would add the event cannot happen yet; which one to drop would be arbitrary. */
  addEvent(slot: number, ver: number, state: number, lock: number): void {
    for (let i = 0; i < this.eventsMax; i++) {
      const at = this.#event + i * wordBytes
      if (this.bytes[at] !== 0) continue
      this.bytes[at] = slot + 1
      this.#triple(at + 1, ver, state, lock)
      return
    }
    this.overflows = true
  }
  removeEvent(i: number): void {
    this.bytes.fill(0, this.#event + i * wordBytes, this.#event + (i + 1) * wordBytes)
  }

  #triple(at: number, a: number, b: number, lock: number): void {
    this.bytes[at] = a
    this.bytes[at + 1] = b
    this.bytes[at + 2] = lock + 1
  }

  /** Puts packets and events in order. */
  sort(): void {
    this.#sortWords(this.#packet / wordBytes, this.bounds.packets)
    this.#sortWords(this.#event / wordBytes, this.eventsMax)
  }
  #sortWords(from: number, count: number): void {
    const words = this.#words
    for (let i = from + 1; i < from + count; i++) {
      const word = words[i]!
      let j = i - 1
      while (j >= from && words[j]! < word) {
        words[j + 1] = words[j]!
        j--
      }
      words[j + 1] = word
    }
  }

  /** User u becomes users[u], with instance and locks, and slot s becomes slots[s]. */
  renaming(users: readonly number[], slots: readonly number[]): Renaming {
    const { attempts } = this.bounds
    const lockTo = (lock: number): number => users[this.ownerOf(lock)]! * attempts + (lock % attempts)
    const slotsTo = (bits: number): number =>
      slots.reduce((all, to, from) => ((bits & (1 << from)) === 0 ? all : all | (1 << to)), 0)
    const tables: { [meaning in Meaning]: Uint8Array } = {
      plain: Uint8Array.from({ length: 256 }, (_, n) => n),
      lock: Uint8Array.from({ length: 256 }, (_, n) => (n === 0 || n > this.locks ? 0 : lockTo(n - 1) + 1)),
      slot: Uint8Array.from({ length: 256 }, (_, n) => (n === 0 || n > slots.length ? 0 : slots[n - 1]! + 1)),
      request: Uint8Array.from({ length: 256 }, (_, n) => (n & 4) | slotsTo(n & 3)),
      flags: Uint8Array.from({ length: 256 }, (_, n) =>
        n >> 2 === 0 || n >> 2 > users.length ? 0 : ((users[(n >> 2) - 1]! + 1) << 2) | (n & 3)
      )
    }
    const from = new Uint8Array(this.bytes.length)
    const value: Uint8Array[] = []
    for (const { at, count, of, bytes } of this.#blocks) {
      for (let i = 0; i < count; i++) {
        const goes = {
          lock: () => lockTo(i),
          slot: () => slots[i]!,
          user: () => users[i]!,
          nothing: () => i
        }[of]()
        bytes.forEach((meaning, j) => {
          from[at + goes * bytes.length + j] = at + i * bytes.length + j
          value[at + goes * bytes.length + j] = tables[meaning]
        })
      }
    }
    return { from, value }
  }

  rename({ from, value }: Renaming, out: World): void {
    for (let i = 0; i < from.length; i++) out.bytes[i] = value[i]![this.bytes[from[i]!]!]!
    out.sort()
  }

  /**
   * Whether this world, renamed, comes before another in the order that picks one of several alike. Mostly the first
   * few bytes decide; undefined means that only packets and events can, which have to be sorted first.
   */
  comesFirst({ from, value }: Renaming, other: World): boolean | undefined {
    for (let i = 0; i < this.#packet; i++) {
      const byte = value[i]![this.bytes[from[i]!]!]!
      if (byte !== other.bytes[i]) return byte < other.bytes[i]!
    }
    return undefined
  }

  precedes(other: World): boolean {
    for (let i = 0; i < this.bytes.length; i++)
      if (this.bytes[i] !== other.bytes[i]) return this.bytes[i]! < other.bytes[i]!
    return false
  }
}
