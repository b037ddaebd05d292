import t from 'tap'
import { changeStorm, closedMin, longestFrame, ms } from '../change-storm.js'
import { openingHours, openPractice } from '../widget/practice.js'
import { StaffScreen } from './staff-screen.js'

/**
 * Two thousand slots on the board, and a hundred of them change each second. The machine's speed is not known, so the
 * frames are compared with what it costs here to draw the whole board anew, which is what each would cost if unchanged
 * rows were looked at. What was measured is printed.
 */

t.setTimeout(280_000)

const rooms = 101
const slotsPerRoom = 20
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)

t.test('a change costs its row, not the board', async t => {
  const practice = await openPractice(t)
  const { browser, url, define, ask, world } = practice
  await define('wide', {
    name: 'Wide',
    timeZone: 'UTC',
    slotMinutes: 30,
    resources: Array.from({ length: rooms }, (_, room) => ({
      id: `room-${room}`,
      name: `Room ${room}`,
      hours: openingHours
    }))
  })
  const board = await StaffScreen.watching(browser, url, world.tokenOf('staff'), {
    calendar: 'wide',
    day: tomorrow,
    viewport: { width: 1_800, height: 2_950 }
  })
  await board.page.waitForFunction(
    `document.querySelector('staff-board').shadowRoot.querySelectorAll('.grid .cell').length === ${rooms * slotsPerRoom}`
  )
  const slots = Array.from({ length: rooms * slotsPerRoom }, (_, index) => {
    const startMs = Date.parse(`${tomorrow}T08:00Z`) + Math.floor(index / rooms) * 1_800_000
    return `room-${index % rooms}/${new Date(startMs).toISOString().slice(0, 16)}Z`
  })
  const inView = (await board.page.evaluate(`(() => {
    const root = document.querySelector('staff-board').shadowRoot
    const end = root.querySelector('.scroller').getBoundingClientRect().bottom
    return [...root.querySelectorAll('.grid .cell')].filter(cell => cell.getBoundingClientRect().bottom <= end).length
  })()`)) as number
  t.ok(inView >= 2_000, `${inView} slots are in view`)

  const whole = await longestFrame(
    browser,
    board.page,
    `document.querySelector('staff-board').lang = 'de'; document.querySelector('staff-board').requestUpdate()`
  )
  const close = (some: readonly string[]) =>
    ask('POST', '/v1/calendars/wide/blocks', 'staff', { slots: some })
  const { at, words } = await changeStorm(browser, board.page, slots, close)
  const changes = await board.cells('blocked').count()
  t.ok(changes > closedMin, `${changes} slots are closed now`)
  t.comment(`on ${inView} slots, ${words}; all anew ${ms(whole)}`)
  t.ok(at(0.5) < whole / 2, `a frame takes ${ms(at(0.5))}, drawing all anew ${ms(whole)}`)
})
