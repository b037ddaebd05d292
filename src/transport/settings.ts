import type { Limits } from '../domain/limits.js'

/** What the transport is told about its surroundings; all of it comes from the configuration. */
export interface TransportSettings {
  version: string
  mode: 'embedded' | 'redis+sql' | 'sql-only'
  limits: Limits
  /** Where the build put what browsers are given. */
  pagesFolder: string
  /** Allowed browser origins; `*`: any; empty: only pages that this server itself gave out. */
  origins: readonly string[]
  /** New visitors need the key of a site. */
  siteKeyRequired: boolean
  /** Proxies whose `X-Forwarded-For` is believed; empty: nobody's. */
  trustProxy: readonly string[]
  /** Rate limits; 0 is off. */
  sessionsPerMinuteMax: number
  requestsPerMinuteMax: number
  messagesPerSecondMax: number
  connectionsPerAddressMax: number
  lockLimits: LockLimitSettings
  /** Sockets of this process; past it a new one is told to come back later (1013). 0 is off. */
  connectionsMax: number
  /** How long in-flight requests and leaving sockets are waited for on shutdown. */
  shutdownGraceMs: number
  timing: TransportTiming
}

/** Limits for requests for a lock; 0 is off. */
export interface LockLimitSettings {
  locksPerAddressPerMinuteMax: number
  locksPerSessionPerMinuteMax: number
  locksPerCalendarPerMinuteMax: number
  /** Slots of one calendar that all visitors of one address together may lock while one lock lives. */
  slotsPerAddressMax: number
}

export const noLockLimits: LockLimitSettings = {
  locksPerAddressPerMinuteMax: 0,
  locksPerSessionPerMinuteMax: 0,
  locksPerCalendarPerMinuteMax: 0,
  slotsPerAddressMax: 0
}

export interface TransportTiming {
  /** One beat of the one timer that all sockets share. */
  beatMs: number
  /** Beats between two pings of one socket; one that has missed two is dropped. */
  beatsPerPing: number
  helloWithinMs: number
  /** From the connection on, so that who says nothing or a byte now and then does not keep it. */
  headersWithinMs: number
  /** The same with the body. How long the answer takes is another matter. */
  requestWithinMs: number
  /** At most one `slots` message per calendar in this time; the first of a quiet calendar leaves at once. */
  tickMs: number
  /** At most one `staff` message per calendar in this time, and one reading of the audit trail. */
  staffTickMs: number
  /** A reader that has not caught up for so long is closed with 4008. */
  behindMaxMs: number
  /** How long ws waits for the other side's close frame before it drops the socket. */
  closeTimeoutMs: number
}

export const defaultTiming: TransportTiming = {
  beatMs: 1_000,
  beatsPerPing: 20,
  helloWithinMs: 5_000,
  headersWithinMs: 10_000,
  requestWithinMs: 30_000,
  tickMs: 20,
  staffTickMs: 200,
  behindMaxMs: 10_000,
  closeTimeoutMs: 3_000
}

/** Past this much unsent data a socket leaves the broadcast and gets the newest states once it has drained. */
export const outboxSoftBytesMax = 65_536
/** Past this much unsent data a socket is closed with 4008. One answer may exceed it, nothing is added on top. */
export const outboxHardBytesMax = 1_048_576
/** So many slots and hovers are remembered for a socket that left the broadcast; past it: 4008. */
export const outboxStatesMax = 5_000
/** Changes of one calendar that wait for a tick; past it they leave at once. */
export const tickStatesMax = 5_000
/** Requests of one connection that are being worked on; past it: BUSY. */
export const inFlightPerConnectionMax = 64
/** Calendars that one connection watches, or hovers in; past it: LIMIT_EXCEEDED. */
export const calendarsPerConnectionMax = 32
/** A flood is that many seconds' worth of refused messages at once; then 1008. */
export const floodSeconds = 10
/** TCP connections of one address for each WebSocket that it may have: a browser opens six for requests, and lets go of them. */
export const tcpConnectionsPerSocket = 4
/** Addresses that are counted at a time; past it the one that has been silent the longest is forgotten. */
export const countedAddressesMax = 50_000
/** An HTTP body, except for a calendar's definition. */
export const bodyBytesMax = 16_384
export const calendarBodyBytesMax = 1_048_576
