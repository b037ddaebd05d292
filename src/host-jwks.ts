import { readFile } from 'node:fs/promises'

/** A key server that takes longer is out. */
const withinMs = 3_000
const bytesMax = 262_144

/** The text of the host's key set, from its file or its URL. Rejects when it is not to be had. */
export async function readHostJwks(source: string): Promise<string> {
  if (!/^https?:\/\//i.test(source)) return readFile(source, 'utf8')
  const response = await fetch(source, {
    // to another address than the one that was trusted: not followed
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(withinMs)
  })
  if (!response.ok) {
    // a body that nobody reads holds its connection
    await response.body?.cancel()
    throw new Error(`HTTP ${response.status}`)
  }
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.byteLength
    if (bytes > bytesMax) throw new Error(`more than ${bytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}
