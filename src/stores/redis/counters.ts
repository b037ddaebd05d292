/** What the fast lane has done since it was made. Read by the metrics; only ever grows. */
export interface RedisCounters {
  /** Calls of the port that went to Redis. */
  commands: number
  /** Of these: failed, in whichever way; and failed by taking too long. */
  errors: number
  timeouts: number
  /** Executed after their deadline: the server was frozen or the bytes sat in a queue. Each did nothing. */
  late: number
  reserved: number
  taken: number
  stale: number
  /** Marks written by settling and by filling. */
  marksWritten: number
  fills: number
  fillsOvertaken: number
  eventsPublished: number
  /** Given to the listener. */
  eventsReceived: number
  /** Came back to the instance that sent them, and ignored. */
  eventsOwn: number
  /** For a channel that was left meanwhile, or of a session that lives elsewhere. */
  eventsUnwanted: number
  /** No event of ours; dropped. */
  eventsMalformed: number
  /** The command client became ready, the first time included. */
  connects: number
  /** Another server process answered after a reconnect: it restarted or failed over. */
  serverChanges: number
  /** The subscriber's connection was dropped because nothing came back on it. */
  subscriberDeaf: number
  /** SUBSCRIBE done after a loss: what was published meanwhile was missed. */
  subscriberGaps: number
}

export function newCounters(): RedisCounters {
  return {
    commands: 0,
    errors: 0,
    timeouts: 0,
    late: 0,
    reserved: 0,
    taken: 0,
    stale: 0,
    marksWritten: 0,
    fills: 0,
    fillsOvertaken: 0,
    eventsPublished: 0,
    eventsReceived: 0,
    eventsOwn: 0,
    eventsUnwanted: 0,
    eventsMalformed: 0,
    connects: 0,
    serverChanges: 0,
    subscriberDeaf: 0,
    subscriberGaps: 0
  }
}
