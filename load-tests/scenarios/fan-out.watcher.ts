import type { Push } from '../../src/protocol/messages.js'
import { serveFleet } from '../harness/fleet-member.js'
import { nowMs, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

/** One client process of the fan-out: watchers of slotlock, of a bare socket, of Socket.IO or of nchan, counted alike. */

export type Kind = 'slotlock' | 'preframed' | 'socketio' | 'nchan'

interface Watcher {
  /** Slot → `nowMs()` at which it was first told. */
  toldAt: Map<string, number>
  client: WsClient
}

const watchers: Watcher[] = []
const openingMax = 64
const joinWithinMs = 10_000

const handlers = {
  /** The first `readers` read what they are sent; the others only take it. */
  async open(args: {
    kind: Kind
    url: string
    count: number
    readers: number
    firstHost: number
    watch: { calendar: string; from: string; to: string }
  }): Promise<void> {
    let next = 0
    const openSome = async (): Promise<void> => {
      for (let index = next++; index < args.count; index = next++) {
        const toldAt = new Map<string, number>()
        const options = {
          url: args.url,
          localAddress: `127.0.0.${args.firstHost}`,
          reads: index < args.readers,
          onSlots: (push: Push, atMs: number): void => {
            if (push.type !== 'slots') return
            for (const { slot } of push.slots) if (!toldAt.has(slot)) toldAt.set(slot, atMs)
          }
        }
        const client = await opened[args.kind](options, args.watch)
        if (index < args.readers) watchers.unshift({ toldAt, client })
        else watchers.push({ toldAt, client })
      }
    }
    await Promise.all(Array.from({ length: openingMax }, openSome))
  },

  /** Per slot, when each of the first `readers` was told; NaN for one who was not. */
  async toldTimes({ slots, readers }: { slots: string[]; readers: number }): Promise<Float64Array[]> {
    return slots.map(slot =>
      Float64Array.from(watchers.slice(0, readers), ({ toldAt }) => toldAt.get(slot) ?? Number.NaN)
    )
  },

  /** Frames and bytes that all watchers took together, and how many of them are gone. */
  async taken(): Promise<{ frames: number; bytes: number; gone: number }> {
    return watchers.reduce(
      (sum, { client }) => ({
        frames: sum.frames + client.pushes,
        bytes: sum.bytes + client.bytes,
        gone: sum.gone + (client.closed === undefined ? 0 : 1)
      }),
      { frames: 0, bytes: 0, gone: 0 }
    )
  },

  async receive({ forMs }: { forMs: number }): Promise<void> {
    await pause(forMs)
  }
}

export type FanOutHandlers = typeof handlers
export const fanOutModule: URL = new URL(import.meta.url)

interface Opening {
  url: string
  localAddress: string
  reads: boolean
  onSlots: (push: Push, atMs: number) => void
}

/** Every text is a push. */
const openBare = ({ url, localAddress, reads, onSlots }: Opening): Promise<WsClient> =>
  WsClient.openBare({
    url,
    localAddress,
    onText: (text, atMs) => {
      if (reads) onSlots(JSON.parse(text) as Push, atMs)
    }
  })

const opened: Record<
  Kind,
  (opening: Opening, watch: { calendar: string; from: string; to: string }) => Promise<WsClient>
> = {
  async slotlock({ url, localAddress, reads, onSlots }, watch) {
    const client = await WsClient.open({
      url,
      localAddress,
      drain: !reads,
      ...(reads ? { onPush: onSlots } : {})
    })
    const answer = await client.request('watch', watch)
    if (!answer.ok) throw new Error(`watch was refused: ${answer.error.code}`)
    return client
  },

  preframed: openBare,
  nchan: openBare,

  /** Engine.IO 4 by hand: 0 open, 2 ping, 3 pong, 40 joined, 42 an event. */
  async socketio({ url, localAddress, reads, onSlots }) {
    let joined = false
    const client: WsClient = await WsClient.openBare({
      url,
      localAddress,
      onText: (text, atMs) => {
        if (text.startsWith('42')) {
          if (reads) onSlots((JSON.parse(text.slice(2)) as [string, Push])[1], atMs)
        } else if (text === '2') client.sendText('3')
        else if (text.startsWith('40')) joined = true
      }
    })
    client.sendText('40')
    const end = nowMs() + joinWithinMs
    while (!joined && nowMs() < end) await pause(5)
    if (!joined) throw new Error('Socket.IO did not let a client join')
    return client
  }
}

if (process.send !== undefined) serveFleet(handlers)
