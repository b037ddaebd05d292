import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { CalendarId, SessionId, ViewerTag } from '../../domain/ids.js'

/** A tag costs two microseconds and every event needs one; past the bound the one used longest ago is made anew. */
const tagsCachedMax = 20_000
const tags = new LRUCache<string, ViewerTag>({ max: tagsCachedMax })

/**
 * What others see instead of a session: another name in each calendar, the same on every instance and for good, with
 * nothing stored. A session id is 128 random bits, so nobody finds it by trying; 72 bits of hash name two sessions of
 * one calendar alike only once in billions.
 */
export function viewerTag(session: SessionId, calendar: CalendarId): ViewerTag {
  // a session id has 22 characters, so no two pairs make one key
  const key = `${session}${calendar}`
  const known = tags.get(key)
  if (known !== undefined) return known
  const tag = createHash('sha256').update(key).digest('base64url').slice(0, 12) as ViewerTag
  tags.set(key, tag)
  return tag
}
