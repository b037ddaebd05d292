import type { AuditEntryView } from '../../protocol/schemas.js'

/** What happened, newest first. Pure. An entry may be told by a page of the trail and by a push, and is one all the same. */

/** Past this many the oldest are forgotten; the trail has them. */
const entriesMax = 500

export interface Feed {
  readonly entries: readonly AuditEntryView[]
  /** For the page of what is older; undefined: there is none, or it was not read yet. */
  readonly cursor: string | undefined
}

export const emptyFeed: Feed = { entries: [], cursor: undefined }

/** News, in any order. */
export function withNews(feed: Feed, news: readonly AuditEntryView[]): Feed {
  if (news.length === 0) return feed
  const entries = merged(feed.entries, news)
  // what fell off at the end is older than what the cursor leads to
  return entries.length <= entriesMax
    ? { ...feed, entries }
    : { entries: entries.slice(0, entriesMax), cursor: undefined }
}

/**
 * The newest page, read after a time in which nothing was heard; `before` is the feed as it was then. A page that does not
 * reach back to it stands alone: what lies between would be missing for good, for older pages begin behind it.
 */
export function caughtUp(
  before: Feed,
  now: Feed,
  page: { entries: readonly AuditEntryView[]; cursor?: string }
): Feed {
  const known = new Set(before.entries.map(({ id }) => id))
  if (page.cursor === undefined || page.entries.some(({ id }) => known.has(id)))
    return withNews(now, page.entries)
  return withNews(
    withOlder(emptyFeed, page),
    now.entries.filter(({ id }) => !known.has(id))
  )
}

/** A page of what is older than what is there. */
export const withOlder = (
  feed: Feed,
  page: { entries: readonly AuditEntryView[]; cursor?: string }
): Feed => ({
  entries: merged(feed.entries, page.entries).slice(0, entriesMax),
  cursor: feed.entries.length + page.entries.length < entriesMax ? page.cursor : undefined
})

function merged(one: readonly AuditEntryView[], other: readonly AuditEntryView[]): AuditEntryView[] {
  const byId = new Map([...one, ...other].map(entry => [entry.id, entry]))
  return [...byId.values()].sort((a, b) => b.at - a.at || b.id - a.id)
}
