import type { TokenStorage } from '../client/index.js'
import { SlotlockClient } from '../client/index.js'

/**
 * The connection behind a widget. Widgets of one page with one server and one session share a client, so a page
 * with five of them is still one visitor with one socket.
 */

interface Shared {
  readonly client: SlotlockClient
  users: number
}

const links = new Map<string, Shared>()

/** `session`: a name of one's own makes a visitor of one's own; two of them on a page do not know each other. */
export function openLink(
  server: string,
  session: string,
  key: string | undefined
): { client: SlotlockClient; close(): void } {
  const name = `${server} ${session} ${key}`
  let link = links.get(name)
  if (link === undefined) {
    const storage = session === '' ? undefined : named(session)
    link = { client: new SlotlockClient({ url: server, key, storage }), users: 0 }
    links.set(name, link)
    link.client.connect()
  }
  link.users++
  const { client } = link
  let open = true
  return {
    client,
    close() {
      if (!open) return
      open = false
      link.users--
      if (link.users > 0) return
      client.close()
      links.delete(name)
    }
  }
}

function named(session: string): TokenStorage {
  const name = (key: string): string => `${key}:${session}`
  return {
    getItem: key => localStorage.getItem(name(key)),
    setItem: (key, value) => localStorage.setItem(name(key), value),
    removeItem: key => localStorage.removeItem(name(key))
  }
}
