import type { Push } from '../../src/protocol/messages.js'
import type { SlotState } from '../../src/protocol/schemas.js'
import { serveFleet } from '../harness/fleet-member.js'
import { Picture } from '../harness/picture.js'
import { nowMs, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

/** One client process of the avalanche: pages that are open, lose their connection together and come back together. */

interface Page {
  client: WsClient
  token: string | undefined
  picture: Picture
  address: string
}

interface Where {
  url: string
  watch: { calendar: string; from: string; to: string }
}

const pages: Page[] = []
const openingMax = 64
/** A page tries again at once, but not for ever: then it is one that never came back. */
const triesMax = 10

const handlers = {
  async open({ count, firstHost, ...where }: Where & { count: number; firstHost: number }): Promise<void> {
    const missing = Array.from({ length: count }, () => `127.0.0.${firstHost}`)
    const openSome = async (): Promise<void> => {
      for (let address = missing.pop(); address !== undefined; address = missing.pop())
        pages.push(await opened(where, address))
    }
    await Promise.all(Array.from({ length: openingMax }, openSome))
  },

  /** Every connection is gone at the same moment, and every page connects again with its token and reads. */
  async fall({ startAtMs, ...where }: Where & { startAtMs: number }) {
    await pause(startAtMs - nowMs())
    for (const { client } of pages) client.break()
    let tries = 0
    const backMs = await Promise.all(
      pages.map(async page => {
        for (let attempt = 1; attempt <= triesMax; attempt++) {
          tries += 1
          try {
            Object.assign(page, await opened(where, page.address, page.token))
            return nowMs() - startAtMs
          } catch {
            // refused or broken off: the next try
          }
        }
        return Number.NaN
      })
    )
    return { backMs: Float64Array.from(backMs), tries }
  },

  /** Where pages differ from a fresh read: how many of them, and an example of each. */
  async differences({ fresh, within }: { fresh: SlotState[]; within: { from: string; to: string } }) {
    const wrong = pages.flatMap(({ picture, client }) =>
      client.closed === undefined ? picture.differences(fresh, within, 1) : [`closed: ${client.closed}`]
    )
    return { wrong: wrong.length, examples: wrong.slice(0, 3) }
  },

  /** To the bare server: what it shall send from now on to those who watch. */
  async keep({ result }: { result: object }): Promise<void> {
    await pages[0]!.client.request('keep', { result })
  }
}

export type AvalancheHandlers = typeof handlers
export const avalancheModule: URL = new URL(import.meta.url)

/** Connected, greeted, and with a snapshot; throws when any of it is refused. */
async function opened({ url, watch }: Where, address: string, token?: string): Promise<Page> {
  const picture = new Picture()
  const client = await WsClient.open({
    url,
    localAddress: address,
    token,
    onPush: (push: Push) => {
      if (push.type === 'slots') picture.apply(push.slots)
    }
  })
  const answer = await client.request('watch', watch)
  if (!answer.ok) {
    client.close()
    throw new Error(`watch was refused: ${answer.error.code}`)
  }
  picture.apply((answer.result as { slots: SlotState[] }).slots)
  // the bare server has no sessions
  const named = client.session?.token
  return { client, token: named === '' ? undefined : named, picture, address }
}

if (process.send !== undefined) serveFleet(handlers)
