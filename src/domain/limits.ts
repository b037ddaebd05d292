/** The bounds that a request meets. Each is a setting; the defaults are those of the wire contract. */
export interface Limits {
  /** How long a lock lives when the request does not say. */
  lockTtlMs: number
  lockTtlMinMs: number
  lockTtlMaxMs: number
  /** A lock's whole life, with all its extensions. */
  lockLifeMaxMs: number
  /** How long a hover lives unless it is renewed. */
  selectionTtlMs: number
  slotsPerLockMax: number
  locksPerSessionMax: number
  lockedSlotsPerSessionMax: number
}

export const defaultLimits: Limits = {
  lockTtlMs: 600_000,
  lockTtlMinMs: 10_000,
  lockTtlMaxMs: 1_800_000,
  lockLifeMaxMs: 7_200_000,
  selectionTtlMs: 10_000,
  slotsPerLockMax: 32,
  locksPerSessionMax: 8,
  lockedSlotsPerSessionMax: 64
}

/** Days from `from` to `to`, both counted. Past it a read is INVALID_REQUEST. */
export const rangeDaysMax = 62
/** A session's token and a request's id are honoured for so long. */
export const sessionTtlMs = 86_400_000
export const requestIdTtlMs = 86_400_000
/** The audit trail is kept for so long unless a setting says otherwise. */
export const auditRetentionDays = 90
/** So are the network addresses of those who booked, and of staff in the audit trail. */
export const addressRetentionDays = 30
/** The holder is warned so long before the end. */
export const expiringWarningMs = 60_000
/** A hover that went to the database because Redis was out is forgotten after so long at the latest. */
export const selectionRowTtlMaxMs = 300_000
