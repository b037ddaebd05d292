import t from 'tap'
import { Screen } from '../../helpers/chromium.js'
import { changeStorm, closedMin, longestFrame, ms } from '../change-storm.js'
import { allDay, openPractice } from './practice.js'

/**
 * Two thousand times on the screen, and a hundred of them change each second. The machine's speed is not known, so the
 * frames are compared with what it costs here to draw all of them anew, which is what each would cost without the rows
 * that are shared from picture to picture. What was measured is printed.
 */

t.setTimeout(280_000)

t.test('a change costs its row, not the screen', async t => {
  const { browser, site, url, define, ask } = await openPractice(t)
  await define('wide', {
    name: 'Wide',
    timeZone: 'UTC',
    slotMinutes: 10,
    resources: [{ id: 'room', name: 'Room', hours: allDay }]
  })
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  const page = site.put(
    '/wide',
    `<!doctype html><title>Wide</title><script src="${url}/slot-picker.js"></script>
     <style>slot-picker { --slot-picker-max-width: none; --slot-picker-grid-height: none; --slot-picker-cell-height: 24px }</style>
     <slot-picker server="${url}" calendar="wide" days="14" from="${tomorrow}"></slot-picker>`
  )
  const screen = await Screen.open(browser, page, { viewport: { width: 1_700, height: 4_800 } })
  await screen.page.waitForFunction(
    "document.querySelector('slot-picker').shadowRoot.querySelectorAll('.grid .cell').length === 2016"
  )
  const slots = Array.from({ length: 2_016 }, (_, index) => {
    const startMs = Date.parse(tomorrow) + index * 600_000
    return `room/${new Date(startMs).toISOString().slice(0, 16)}Z`
  })

  const whole = await longestFrame(
    browser,
    screen.page,
    `document.querySelector('slot-picker').texts = { cellFree: '{time}: free' }`
  )
  const close = (some: readonly string[]) =>
    ask('POST', '/v1/calendars/wide/blocks', 'staff', { slots: some })
  const { at, words } = await changeStorm(browser, screen.page, slots, close)
  const changes = await screen.cells('blocked').count()
  t.ok(changes > closedMin, `${changes} times are closed now`)
  t.comment(`on 2,016 slots, ${words}; all anew ${ms(whole)}`)
  t.ok(at(0.5) < whole / 3, `a frame takes ${ms(at(0.5))}, drawing all anew ${ms(whole)}`)
})
