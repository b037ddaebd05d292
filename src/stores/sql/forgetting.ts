import { type BookingId, parseSlotId } from '../../domain/ids.js'
import type { Customer } from '../../domain/lock.js'
import { inTime, type StoreContext } from './context.js'
import type { CustomerCipher } from './customer-cipher.js'
import type { Row, Statement } from './dialect.js'
import { jsonBytesOf, numberOf, splitSlots, textOf } from './rows.js'
import { namedValues, nameList } from './statement.js'

/** In the place of a customer who was erased. The booking stays, and its slots stay booked. */
const nobody: Customer = { name: '' }
const rowsPerPage = 500
const rowsPerPacketMax = 200
/** All bookings are looked through so often for those whose time is over. */
const passEveryMs = 86_400_000
/** A lock may be booked so long after it would have ended; until then its row is looked for again. */
const lateBookingMs = 2 * 86_400_000

/** Whose customer data goes: of one booking, of whoever has this address, or of appointments that began before a time. */
export type ErasedBookings = { booking: BookingId } | { email: string } | { beforeMs: number }

/**
 * The person goes, the booking stays: `customer` becomes nobody, `meta` and the fingerprint are emptied, and the lock that
 * was booked forgets the network address and the browser it came from.
 *
 * Bookings are walked through by their ids, a page at a time, because neither the address nor the date has an index, and
 * encrypted addresses could have none.
 */
export class Forgetting {
  readonly #context: StoreContext
  readonly #cipher: CustomerCipher
  /** Where the pass over the bookings is, and where that over the booked locks and the audit trail is. */
  #afterBooking = ''
  #nextPassAtMs = Number.NEGATIVE_INFINITY
  #afterLock = { endsMs: 0, id: '' }
  #afterEntry = 0

  constructor(context: StoreContext) {
    this.#context = context
    this.#cipher = context.cipher
  }

  /**
   * Answers with how many bookings were meant, and of how many the data was there and is erased. No key is needed,
   * but to find an address.
   */
  async erase(of: ErasedBookings, dryRun = false): Promise<{ found: number; erased: number }> {
    const answer = { found: 0, erased: 0 }
    for (let after = ''; ; ) {
      const page =
        'booking' in of
          ? await this.#read('id = :id AND id > :after', { id: of.booking, after })
          : await this.#read('id > :after', { after })
      const meant = page.filter(row => this.#isMeant(row, of))
      const present = meant.filter(row => !isErased(row))
      answer.found += meant.length
      answer.erased += dryRun ? present.length : await this.#eraseRows(present)
      const last = page.at(-1)
      if (last === undefined || page.length < rowsPerPage) return answer
      after = textOf(last, 'id')
    }
  }

  /** One step of what retention asks for; `more`: there is another at once. */
  async forgetOld(): Promise<{ forgotten: number; more: boolean }> {
    const customers = await this.#forgetCustomers()
    const addresses = await this.#forgetAddresses()
    const actors = await this.#forgetActors()
    const steps = [customers, addresses, actors]
    return {
      forgotten: steps.reduce((sum, step) => sum + step.forgotten, 0),
      more: steps.some(step => step.more)
    }
  }

  /**
   * Writes anew what is not encrypted, or not under the first key. A row that changes meanwhile is left for the next time.
   */
  async encryptAll(): Promise<{ found: number; encrypted: number }> {
    const first = await this.#encryptPass()
    // what changed under the first look; and when a look finds nothing left, no other key is needed any more
    const second = await this.#encryptPass()
    if (this.#cipher.keyId !== undefined && second.stale === 0) {
      const id = this.#cipher.keyId
      await this.#context.changeInTime('the change of keys', values => [
        { text: `DELETE FROM customer_keys WHERE id <> :id AND ${inTime}`, values: { ...values, id } }
      ])
    }
    return { found: first.found, encrypted: first.encrypted + second.encrypted }
  }

  /** `stale`: not encrypted, or not under the first key, when it was looked at. */
  async #encryptPass(): Promise<{ found: number; stale: number; encrypted: number }> {
    const answer = { found: 0, stale: 0, encrypted: 0 }
    for (let after = ''; ; ) {
      const [page] = await this.#context.stored.read([
        {
          text: `SELECT id, customer, meta, fingerprint FROM bookings WHERE id > :after ORDER BY id LIMIT ${rowsPerPage}`,
          values: { after }
        }
      ])
      for (const row of page!) {
        const { customer, meta } = row
        if (!(customer instanceof Uint8Array) || customer.length === 0 || isNobody(customer)) continue
        answer.found += 1
        const metaIsCurrent = !(meta instanceof Uint8Array) || this.#cipher.isCurrent(meta)
        if (this.#cipher.isCurrent(customer) && metaIsCurrent) continue
        answer.stale += 1
        answer.encrypted += await this.#encryptRow(textOf(row, 'id') as BookingId, row, customer)
      }
      const last = page!.at(-1)
      if (last === undefined || page!.length < rowsPerPage) break
      after = textOf(last, 'id')
    }
    return answer
  }

  async #encryptRow(booking: BookingId, row: Row, customer: Uint8Array): Promise<number> {
    const meta = row.meta instanceof Uint8Array ? row.meta : undefined
    const fingerprint = textOf(row, 'fingerprint')
    const [result] = await this.#context.changeInTime('the encrypting', values => [
      {
        text: `UPDATE bookings SET customer = :customer, meta = :meta, fingerprint = :fingerprint
          WHERE id = :booking AND customer = :before AND ${inTime}`,
        values: {
          ...values,
          booking,
          before: Buffer.from(customer),
          customer: this.#cipher.seal(booking, 'customer', this.#cipher.open(booking, 'customer', customer)),
          meta:
            meta === undefined
              ? null
              : this.#cipher.seal(booking, 'meta', this.#cipher.open(booking, 'meta', meta)),
          // one that was made with a key can only be made again from the request, which is not kept
          fingerprint:
            fingerprint === '' || fingerprint.includes('.')
              ? fingerprint
              : this.#cipher.fingerprint(fingerprint)
        }
      }
    ])
    return result!.changed > 0 ? 1 : 0
  }

  async #forgetCustomers(): Promise<{ forgotten: number; more: boolean }> {
    const { customerRetentionMs } = this.#context.settings
    const nowMs = Math.floor(this.#context.db.nowMs())
    if (customerRetentionMs === 0 || nowMs < this.#nextPassAtMs) return { forgotten: 0, more: false }
    const page = await this.#read('id > :after', { after: this.#afterBooking })
    const due = page.filter(row => lastStartOf(row) < nowMs - customerRetentionMs && !isErased(row))
    const forgotten = await this.#eraseRows(due)
    const more = page.length >= rowsPerPage
    this.#afterBooking = more ? textOf(page.at(-1)!, 'id') : ''
    if (!more) this.#nextPassAtMs = nowMs + passEveryMs
    return { forgotten, more }
  }

  /**
   * Ended locks are deleted with all they have; booked ones stay with their booking. The page bounds what is looked at,
   * not what is found: of years of bookings nearly all were forgotten long ago, and to step over them all would be one
   * endless statement.
   */
  async #forgetAddresses(): Promise<{ forgotten: number; more: boolean }> {
    const before = this.#addressesBefore()
    const { endsMs, id } = this.#afterLock
    const [rows] = await this.#context.db.read([
      {
        text: `SELECT id, expires_ms, CASE WHEN address IS NULL AND user_agent IS NULL THEN 0 ELSE 1 END AS known FROM locks
          WHERE state = 'booked' AND expires_ms >= :since AND expires_ms < :before AND (expires_ms > :since OR id > :id)
          ORDER BY expires_ms, id LIMIT ${rowsPerPage}`,
        values: { since: endsMs, id, before }
      }
    ])
    const ids = rows!
      .filter(isKnown)
      .map(row => textOf(row, 'id'))
      .sort()
    const forgotten = await this.#inPackets(ids, (some, names) => [
      {
        text: `UPDATE locks SET address = NULL, user_agent = NULL WHERE id IN (${names}) AND ${inTime}`,
        values: some
      }
    ])
    const more = rows!.length >= rowsPerPage
    const last = rows!.at(-1)
    this.#afterLock =
      more && last !== undefined
        ? { endsMs: numberOf(last, 'expires_ms'), id: textOf(last, 'id') }
        : { endsMs: Math.max(0, before - lateBookingMs), id: '' }
    return { forgotten, more }
  }

  /** Bounded in the same way; only what staff did has an address. */
  async #forgetActors(): Promise<{ forgotten: number; more: boolean }> {
    const before = this.#addressesBefore()
    const [rows] = await this.#context.db.read([
      {
        text: `SELECT id, at_ms, CASE WHEN actor_address IS NULL THEN 0 ELSE 1 END AS known FROM audit
          WHERE id > :after ORDER BY id LIMIT ${rowsPerPage}`,
        values: { after: this.#afterEntry }
      }
    ])
    // ids grow, though not quite in the order of time: the next page begins with the first that is too young
    const isOld = (row: Row): boolean => numberOf(row, 'at_ms') < before
    const young = rows!.find(row => !isOld(row))
    const ids = rows!.filter(row => isOld(row) && isKnown(row)).map(row => numberOf(row, 'id'))
    const forgotten = await this.#inPackets(ids, (some, names) => [
      { text: `UPDATE audit SET actor_address = NULL WHERE id IN (${names}) AND ${inTime}`, values: some }
    ])
    const last = rows!.at(-1)
    if (young !== undefined) this.#afterEntry = numberOf(young, 'id') - 1
    else if (last !== undefined) this.#afterEntry = numberOf(last, 'id')
    return { forgotten, more: young === undefined && rows!.length >= rowsPerPage }
  }

  #addressesBefore(): number {
    return Math.floor(this.#context.db.nowMs()) - this.#context.settings.addressRetentionMs
  }

  async #read(where: string, values: Statement['values']): Promise<Row[]> {
    const [rows] = await this.#context.stored.read([
      {
        text: `SELECT id, lock_id, slots, customer FROM bookings WHERE ${where} ORDER BY id LIMIT ${rowsPerPage}`,
        values
      }
    ])
    return rows!
  }

  #isMeant(row: Row, of: ErasedBookings): boolean {
    if ('booking' in of) return true
    if ('beforeMs' in of) return lastStartOf(row) < of.beforeMs
    const { customer } = row
    if (!(customer instanceof Uint8Array)) return false
    const opened = this.#cipher.open(textOf(row, 'id') as BookingId, 'customer', customer)
    const { email } = JSON.parse(opened.toString()) as Customer
    return email !== undefined && sameAddress(email) === sameAddress(of.email)
  }

  async #eraseRows(rows: readonly Row[]): Promise<number> {
    const locks = new Map(rows.map(row => [textOf(row, 'id'), textOf(row, 'lock_id')]))
    return await this.#inPackets([...locks.keys()], (some, names, ids) => [
      {
        text: `UPDATE bookings SET customer = :nobody, meta = NULL, fingerprint = '' WHERE id IN (${names}) AND ${inTime}`,
        values: { ...some, nobody: jsonBytesOf(nobody) }
      },
      {
        text: `UPDATE locks SET address = NULL, user_agent = NULL WHERE id IN (${nameList('l', ids.length)}) AND ${inTime}`,
        values: { ...some, ...namedValues('l', ids.map(id => locks.get(String(id))!).sort()) }
      }
    ])
  }

  /** `statements` gets the values that all of a packet share, and the names of its ids. The first one's rows count. */
  async #inPackets(
    all: readonly (string | number)[],
    statements: (values: Statement['values'], names: string, ids: readonly (string | number)[]) => Statement[]
  ): Promise<number> {
    let changed = 0
    for (let from = 0; from < all.length; from += rowsPerPacketMax) {
      const ids = all.slice(from, from + rowsPerPacketMax)
      const named = namedValues('i', ids)
      const [first] = await this.#context.changeInTime('the forgetting', values =>
        statements({ ...values, ...named }, nameList('i', ids.length), ids)
      )
      changed += first!.changed
    }
    return changed
  }
}

const isKnown = (row: Row): boolean => numberOf(row, 'known') === 1

const nobodyBytes = jsonBytesOf(nobody)!
const isNobody = (customer: Uint8Array): boolean => nobodyBytes.equals(customer)
const isErased = ({ customer }: Row): boolean => customer instanceof Uint8Array && isNobody(customer)

/** When the last appointment of a booking begins. */
const lastStartOf = (row: Row): number =>
  Math.max(...splitSlots(textOf(row, 'slots')).map(slot => parseSlotId(slot)?.startMs ?? 0))

const sameAddress = (email: string): string => email.trim().toLowerCase()
