import { crowded, rooms, type World } from './world.js'

/**
 * What an instance remembers has a bound everywhere, and takes an hour of fuzzing to get there; a leak would not be told
 * from it. So a crowd comes first and fills it all: more sessions, locks, unknown names and read rows than are kept.
 */

/** Above the greatest of the bounds that count sessions, locks and slots: 50,000. */
const locksToFill = 51_000
/** Above that of calendars which do not exist. */
const unknownToFill = 11_000
/** Readings of `daysPerReading` days, each from another day on: 200,000 rows are kept for an outage. */
const readingsToFill = 30
const daysPerReading = 60
const perDay = 48 * rooms.length
const atATime = 48
const dayMs = 86_400_000

export async function fillUp(world: World): Promise<void> {
  const today = Date.now() - (Date.now() % dayMs)
  const dateOf = (day: number): string => new Date(today + (2 + day) * dayMs).toISOString().slice(0, 10)
  const slotOf = (index: number): string => {
    const time = new Date((index % 48) * 1_800_000).toISOString().slice(11, 16)
    const room = rooms[Math.floor(index / 48) % rooms.length]
    return `${room}/${dateOf(Math.floor(index / perDay))}T${time}Z`
  }
  const { url } = world.instance
  const calendar = `${url}/v1/calendars/${crowded}`
  let granted = 0
  const lockOf = async (index: number): Promise<void> => {
    const response = await fetch(`${calendar}/locks`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${world.newcomer('visitor').token}`,
        'content-type': 'application/json'
      },
      body: JSON.stringify({
        slots: [slotOf(index)],
        requestId: `crowd-${index}`
      })
    })
    const answer = await response.text()
    if (response.ok) granted += 1
    else if (response.status !== 503) throw new Error(`the crowd is refused: ${answer}`)
  }
  const readUnknown = async (index: number): Promise<void> => {
    const response = await fetch(
      `${url}/v1/calendars/nowhere-${index}/slots?from=${dateOf(0)}&to=${dateOf(0)}`
    )
    await response.arrayBuffer()
    if (response.status !== 404) throw new Error(`a calendar that does not exist: ${response.status}`)
  }
  const read = async (index: number): Promise<void> => {
    const days = `from=${dateOf(index)}&to=${dateOf(index + daysPerReading - 1)}`
    const response = await fetch(`${calendar}/slots?${days}`)
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`a reading of the crowd's calendar is refused: ${response.status}`)
  }
  await times(locksToFill, lockOf)
  if (granted < locksToFill * 0.99) throw new Error(`the crowd got ${granted} of ${locksToFill} locks`)
  await times(unknownToFill, readUnknown)
  // megabytes each: more of them at once would wait for the database for longer than anybody may
  await times(readingsToFill, read, 2)
}

async function times(count: number, work: (index: number) => Promise<void>, atOnce = atATime): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await work(next++)
    })
  )
}
