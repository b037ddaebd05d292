import type { AuditEntry } from '../../domain/audit.js'
import type { CalendarDefinition } from '../../domain/calendar.js'
import type { BookingId, CalendarId, LockId, SessionId, SlotId } from '../../domain/ids.js'
import type { BookingRecord, LockRecord } from '../../domain/lock.js'
import type {
  AuditQuery,
  BlockOutcome,
  BlockRequest,
  BookingQuery,
  BookOutcome,
  BookRequest,
  CancelOutcome,
  CancelRequest,
  ChangedLock,
  ChangedSlot,
  EndOutcome,
  ExtendOutcome,
  ExtendRequest,
  GrantOutcome,
  GrantRequest,
  LockStore,
  ReleaseRequest,
  RevokeRequest
} from '../../domain/lock-store.js'
import type { Revocation, RevocationStore } from '../../domain/revocation.js'
import type { Selection, SlotRow } from '../../domain/slot.js'
import type { WebhookStore } from '../../domain/webhook-store.js'
import { readAudit, readAuditSince } from './audit.js'
import { setBlocked } from './blocking.js'
import { readBookedSlots } from './booked-slots.js'
import { Booking, readBooking } from './booking.js'
import { defaultStoreSettings, StoreContext, type StoreSettings } from './context.js'
import { noteCustomerKey } from './customer-keys.js'
import { type Database, type Inspection, newSqlStats, type SqlStats } from './dialect.js'
import { Lifecycle } from './ending.js'
import { type ErasedBookings, Forgetting } from './forgetting.js'
import { Granting } from './grant.js'
import { Purge } from './purge.js'
import * as reads from './reads.js'
import * as revocations from './revocations.js'
import { eraseScratch } from './scratch.js'
import * as selections from './selections.js'
import { sweep } from './sweep.js'
import { SqlWebhookStore } from './webhooks.js'

/** The judge: LockStore over any database that speaks one of the two dialects. */
export class SqlLockStore implements LockStore, RevocationStore {
  readonly kind: 'mysql' | 'sqlite'
  readonly stats: SqlStats
  readonly #context: StoreContext
  readonly #granting: Granting
  readonly #lifecycle: Lifecycle
  readonly #booking: Booking
  readonly #purge: Purge
  readonly #forgetting: Forgetting

  constructor(
    database: Database,
    stats: SqlStats = newSqlStats(),
    settings: StoreSettings = defaultStoreSettings
  ) {
    this.kind = database.dialect.kind
    this.stats = stats
    this.#context = new StoreContext(database, stats, settings)
    this.#granting = new Granting(this.#context)
    this.#lifecycle = new Lifecycle(this.#context)
    this.#booking = new Booking(this.#context)
    this.#purge = new Purge(this.#context)
    this.#forgetting = new Forgetting(this.#context)
  }

  /** Throws StoreContractError as well when customer data is encrypted under a key that was not given. */
  async migrate(): Promise<void> {
    await this.#context.db.migrate()
    await noteCustomerKey(this.#context)
  }

  /** See Forgetting. */
  erase(of: ErasedBookings, dryRun = false): Promise<{ found: number; erased: number }> {
    return this.#forgetting.erase(of, dryRun)
  }

  /** See Forgetting. */
  encryptAll(): Promise<{ found: number; encrypted: number }> {
    return this.#forgetting.encryptAll()
  }

  ping(): Promise<{ nowMs: number; latencyMs: number }> {
    return this.#context.db.ping()
  }

  /** How the server is set up, and what of it may hurt. Throws StoreError. */
  inspect(): Promise<Inspection> {
    return this.#context.db.inspect()
  }

  /** See scratch.ts. */
  eraseScratch(calendar: CalendarId): Promise<void> {
    return eraseScratch(this.#context, calendar)
  }

  nowMs(): number {
    return Math.floor(this.#context.db.nowMs())
  }

  receiveVersion(ver: number): void {
    this.#context.versions.receive(ver)
  }

  nextVersion(): number {
    return this.#context.versions.next()
  }

  grant(request: GrantRequest): Promise<GrantOutcome> {
    return this.#granting.grant(request)
  }

  extend(request: ExtendRequest): Promise<ExtendOutcome> {
    return this.#lifecycle.extend(request)
  }

  release(request: ReleaseRequest): Promise<EndOutcome> {
    return this.#lifecycle.release(request)
  }

  revoke(request: RevokeRequest): Promise<EndOutcome> {
    return this.#lifecycle.revoke(request)
  }

  book(request: BookRequest): Promise<BookOutcome> {
    return this.#booking.book(request)
  }

  cancel(request: CancelRequest): Promise<CancelOutcome> {
    return this.#booking.cancel(request)
  }

  setBlocked(request: BlockRequest): Promise<BlockOutcome> {
    return setBlocked(this.#context, request)
  }

  sweep(
    locksMax: number
  ): Promise<{ ended: LockRecord[]; rows: SlotRow[]; nextExpiryAt: number | undefined }> {
    return sweep(this.#context, locksMax)
  }

  readRange(calendar: CalendarId, fromMs: number, toMs: number, rowsMax?: number): Promise<SlotRow[]> {
    return reads.readRange(this.#context, calendar, fromMs, toMs, rowsMax)
  }

  readSlots(calendar: CalendarId, slots: readonly SlotId[]): Promise<SlotRow[]> {
    return reads.readSlots(this.#context, calendar, slots)
  }

  readLock(lock: LockId): Promise<LockRecord | undefined> {
    return reads.readLock(this.#context, lock)
  }

  readLiveLocks(of: { owner: SessionId } | { calendar: CalendarId }): Promise<LockRecord[]> {
    return reads.readLiveLocks(this.#context, of)
  }

  readBookedSlots(of: BookingQuery): ReturnType<LockStore['readBookedSlots']> {
    return readBookedSlots(this.#context, of)
  }

  readBooking(booking: BookingId): Promise<BookingRecord | undefined> {
    return readBooking(this.#context, booking)
  }

  readChanges(
    sinceMs: number,
    rowsMax: number,
    untilMs?: number
  ): Promise<{ rows: ChangedSlot[]; locks: ChangedLock[]; nowMs: number }> {
    return reads.readChanges(this.#context, sinceMs, rowsMax, untilMs)
  }

  readCalendarChanges(
    calendar: CalendarId,
    sinceMs: number,
    fromMs: number,
    toMs: number
  ): Promise<{ rows: SlotRow[]; nowMs: number }> {
    return reads.readCalendarChanges(this.#context, calendar, sinceMs, fromMs, toMs)
  }

  readAudit(of: AuditQuery): Promise<AuditEntry[]> {
    return readAudit(this.#context, of)
  }

  readAuditSince(of: Parameters<LockStore['readAuditSince']>[0]): ReturnType<LockStore['readAuditSince']> {
    return readAuditSince(this.#context, of)
  }

  putCalendar(definition: CalendarDefinition): Promise<void> {
    return reads.putCalendar(this.#context, definition)
  }

  readCalendar(calendar: CalendarId): Promise<CalendarDefinition | undefined> {
    return reads.readCalendar(this.#context, calendar)
  }

  listCalendars(): Promise<CalendarDefinition[]> {
    return reads.listCalendars(this.#context)
  }

  putSelection(selection: Selection): Promise<void> {
    return selections.putSelection(this.#context, selection)
  }

  readSelections(calendar: CalendarId): Promise<Selection[]> {
    return selections.readSelections(this.#context, calendar)
  }

  readSelectionChanges(
    sinceMs: number,
    rowsMax: number
  ): Promise<{ selections: Selection[]; nowMs: number }> {
    return selections.readSelectionChanges(this.#context, sinceMs, rowsMax)
  }

  putRevocation(request: Parameters<RevocationStore['putRevocation']>[0]): Promise<Revocation> {
    return revocations.putRevocation(this.#context, request)
  }

  readRevocationsSince(
    sinceMs: number,
    rowsMax: number
  ): ReturnType<RevocationStore['readRevocationsSince']> {
    return revocations.readRevocationsSince(this.#context, sinceMs, rowsMax)
  }

  readRevocations(
    after: SessionId | undefined,
    rowsMax: number
  ): ReturnType<RevocationStore['readRevocations']> {
    return revocations.readRevocations(this.#context, after, rowsMax)
  }

  purge(rowsMax: number): Promise<{ deleted: number }> {
    return this.#purge.purge(rowsMax)
  }

  /** The outbox, over the connections of this store. */
  webhooks(): WebhookStore {
    return new SqlWebhookStore(this.#context)
  }

  forgetOld(): Promise<{ forgotten: number; more: boolean }> {
    return this.#forgetting.forgetOld()
  }

  close(): Promise<void> {
    return this.#context.db.close()
  }
}
