import type { Push } from '../../src/protocol/messages.js'
import { WsClient } from './ws-driver.js'

export interface CrowdOptions {
  urls: readonly string[]
  count: number
  /** The crowd's connections come from 127.0.0.<firstHost> on, `perAddressMax` each. */
  firstHost?: number
  drain?: boolean
  onPush?: (client: number, push: Push, atMs: number) => void
}

/** Below the 28,000 ephemeral ports that Linux has per address and destination. */
const perAddressMax = 4_000
/** Connections that are being made at once; more, and the listen queue overflows and the kernel waits a second. */
const connectingMax = 64

/** Opens many connections, spread over instances and local addresses; throws when one of them is refused. */
export async function openCrowd({
  urls,
  count,
  firstHost = 2,
  drain,
  onPush
}: CrowdOptions): Promise<WsClient[]> {
  const clients: WsClient[] = new Array<WsClient>(count)
  let next = 0
  const openSome = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      clients[index] = await WsClient.open({
        url: urls[index % urls.length]!,
        localAddress: `127.0.0.${firstHost + Math.floor(index / perAddressMax)}`,
        drain,
        onPush: onPush === undefined ? undefined : (push, atMs) => onPush(index, push, atMs)
      })
    }
  }
  await Promise.all(Array.from({ length: connectingMax }, openSome))
  return clients
}

/** `count` shared out to `parts` as evenly as can be; the answer is part `index`. */
export const shareOf = (count: number, parts: number, index: number): number =>
  Math.floor(((index + 1) * count) / parts) - Math.floor((index * count) / parts)
