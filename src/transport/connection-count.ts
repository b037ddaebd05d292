import type { Clock } from '../domain/clock.js'
import { addressGroup, type CountSharing } from './limits.js'

/**
 * How many connections each address has open, at all instances together where counts can be shared.
 *
 * What is open is no count in a window, and an instance that dies takes nothing back. So time is cut into windows that
 * all instances number alike. In each of them every instance tells anew how many it has, then what opens and closes,
 * and asks once more for the sum in the middle, when everybody has spoken. Of the others an instance believes the
 * greater of what it heard in this window and in the one before. Who died is forgotten after two windows, as is
 * everybody while Redis is out.
 *
 * An address with few sockets here is not told, or each window would cost as many messages as there are visitors; so
 * together they may get past the bound by an eighth of it for each other instance.
 */

const windowMs = 15_000
/** An address is told from this share of the bound on. */
const toldFromShare = 8

interface Group {
  open: number
  /** Of the window in which it was told last; what opens and closes is told in that one. */
  window: number
  /** What the others had, as was heard last in that window, and in the one before. */
  others: number
  othersBefore: number
}

export class ConnectionCount {
  readonly #groups = new Map<string, Group>()
  readonly #max: number
  readonly #toldFrom: number
  readonly #clock: Clock
  readonly #sharing: CountSharing | undefined
  #window: number
  #askedAgain = false

  /** `max` 0 is off; `sharing` absent: of this instance alone. */
  constructor(max: number, parts: { clock: Clock; sharing?: CountSharing | undefined }) {
    this.#max = max
    this.#toldFrom =
      parts.sharing === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(max / toldFromShare))
    this.#clock = parts.clock
    this.#sharing = parts.sharing
    this.#window = this.#windowNow()
  }

  full(address: string): boolean {
    if (this.#max <= 0) return false
    const group = this.#groups.get(addressGroup(address))
    return group !== undefined && group.open + this.#othersOf(group) >= this.#max
  }

  opened(address: string): void {
    this.#change(addressGroup(address), 1)
  }

  closed(address: string): void {
    this.#change(addressGroup(address), -1)
  }

  /** To be called several times in each window. */
  beat(): void {
    if (this.#max <= 0) return
    const now = this.#windowNow()
    if (now !== this.#window) {
      this.#window = now
      this.#askedAgain = false
      for (const [name, group] of this.#groups) {
        if (group.open >= this.#toldFrom) this.#tellAll(name, group)
        else if (group.open === 0 && this.#othersOf(group) === 0) this.#groups.delete(name)
      }
    } else if (!this.#askedAgain && this.#clock.now() % windowMs >= windowMs / 2) {
      this.#askedAgain = true
      for (const [name, group] of this.#groups) if (group.window === now) this.#tell(name, group, 0)
    }
  }

  #change(name: string, by: 1 | -1): void {
    if (this.#max <= 0) return
    this.beat()
    const group = this.#groups.get(name) ?? { open: 0, window: 0, others: 0, othersBefore: 0 }
    this.#groups.set(name, group)
    group.open = Math.max(0, group.open + by)
    if (group.window === this.#window) this.#tell(name, group, by)
    else if (group.open >= this.#toldFrom) this.#tellAll(name, group)
    else if (group.open === 0) this.#groups.delete(name)
  }

  #tellAll(name: string, group: Group): void {
    group.othersBefore = group.window === this.#window - 1 ? group.others : 0
    group.window = this.#window
    group.others = 0
    this.#tell(name, group, group.open)
  }

  #tell(name: string, group: Group, by: number): void {
    const window = this.#window
    this.#sharing?.add({ name: `connections:${window}:${name}`, by, windowMs: 2 * windowMs }, ({ total }) => {
      if (group.window === window) group.others = Math.max(0, total - group.open)
    })
  }

  #othersOf({ window, others, othersBefore }: Group): number {
    const age = this.#windowNow() - window
    if (age === 0) return Math.max(others, othersBefore)
    return age === 1 ? others : 0
  }

  #windowNow(): number {
    return Math.floor(this.#clock.now() / windowMs)
  }
}
