import { Redis, type RedisOptions } from 'ioredis'
import type { Random } from '../../domain/clock.js'
import { parseRedisUrl, type RedisAddress } from './address.js'

/**
 * How to speak to Redis. Everything that is not spelled out here was found to hurt by its default; the figures were
 * measured with ioredis 6.0.0 against servers that were frozen, killed and cut off.
 */

/** Past it a command counts as failed and its request goes on without Redis. A round trip takes 0.1 to 1 ms. */
export const commandTimeoutMs = 40

/** The client that runs the scripts. It connects by itself, now and after every loss; nothing waits for it. */
export function commandClient(address: RedisAddress, random: Random, timeoutMs = commandTimeoutMs): Redis {
  const client = listening(
    new Redis({
      ...common(address, random),
      connectionName: 'slotlock-commands',
      commandTimeout: timeoutMs
    })
  )
  dropWhenSilent(client, Math.max(1_500, 2 * timeoutMs))
  return client
}

/** The client that hears. On its own connection: a subscribed one takes no other commands in RESP2. */
export function subscriberClient(address: RedisAddress, random: Random): Redis {
  return listening(
    new Redis({
      ...common(address, random),
      connectionName: 'slotlock-subscriber',
      // only SUBSCRIBE and PING go here; one that takes so long means a dead connection, not a slow script
      commandTimeout: 500
      // nothing is asked of it for long, so silence says nothing here; Subscriber asks, and counts what is not answered
    })
  )
}

function common(address: RedisAddress, random: Random) {
  return {
    ...parseRedisUrl(address),
    // 3 is the default of version 6; 2 is the path that Redis 6 to 8 and Valkey have walked longest
    protocol: 2 as const,
    // a start does not wait for Redis, but an attempt that hangs keeps the next one from being made
    connectTimeout: 300,
    // A command is never kept for later and never sent twice: by default one INCR was executed twice after its reply
    // was lost, and a SET that had been reported as failed ran 300 ms later. All three are needed; with the last one
    // alone, what was under way when the connection closed was never answered at all.
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Subscriber subscribes anew by itself, so that it knows when it is done and can say what may have been missed
    autoResubscribe: false,
    retryStrategy: (attempt: number) => retryDelayMs(attempt, random),
    // dead peers are found by PING and by their silence long before; this only keeps middleboxes from forgetting us
    keepAlive: 5_000,
    noDelay: true,
    // `ready` then means that the server has loaded its data
    enableReadyCheck: true,
    maxLoadingRetryTime: 1_000,
    // after closing one's own side, so long until a peer that does not close its own is dropped
    disconnectTimeout: 200,
    // A replica, or a master that became one: find the real one. Never 2, which would send the command again.
    reconnectOnError: (error: Error) =>
      /^(READONLY|LOADING|MASTERDOWN)/.test(error.message) ? (1 as const) : false,
    enableAutoPipelining: false,
    // two round trips less after each reconnect
    disableClientInfo: true,
    // A Sentinel that hangs is passed over as soon as a server that does, and all of them are asked again soon. What they
    // are not asked for is to tell us of a failover (`failoverDetector`): a master that hangs is given up on below, and
    // the detector's own connections print what goes wrong with them.
    sentinelCommandTimeout: 300,
    sentinelRetryStrategy: (attempt: number) => retryDelayMs(attempt, random)
  } satisfies RedisOptions
}

/** 50, 100, 200 … 1,000 ms and up to 100 ms of chance, so that the instances of a fleet do not come back as one. */
export function retryDelayMs(attempt: number, random: Random): number {
  return Math.min(50 * 2 ** Math.min(attempt - 1, 5), 1_000) + Math.floor(random() * 100)
}

/** Beats of the silence's clock; one more than these in a row without a word is a dead connection. */
const silentBeatsMax = 3

/**
 * A connection that swallows everything (a firewall that forgot it) stays `ready` for ever; this closes it, once
 * nothing has come for `silentMs` after something was written, which the health monitor's probes see to.
 *
 * Beats are counted, not time: when this process stood still, ioredis' own `socketTimeout` is over before the answers
 * that lie in the socket are read, and a healthy connection was dropped. A stall, however long, is one beat.
 */
function dropWhenSilent(client: Redis, silentMs: number): void {
  client.on('connect', () => {
    const { stream } = client
    let writtenWhenHeard = stream.bytesWritten
    let silentBeats = 0
    const beat = setInterval(() => {
      if (stream.bytesWritten > writtenWhenHeard) silentBeats += 1
      if (silentBeats > silentBeatsMax) stream.destroy(new Error(`nothing was heard for ${silentMs} ms`))
    }, silentMs / silentBeatsMax).unref()
    stream.on('data', () => {
      writtenWhenHeard = stream.bytesWritten
      silentBeats = 0
    })
    stream.once('close', () => clearInterval(beat))
  })
}

/** Without a listener ioredis prints each failed attempt. What failed is told to whoever sent a command. */
function listening(client: Redis): Redis {
  return client.on('error', () => {})
}
