import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t from 'tap'
import { Screen } from '../../helpers/chromium.js'
import { until } from '../../helpers/process.js'
import { setUps, startWorld } from '../../helpers/set-ups.js'
import { openingHours, openPractice } from '../widget/practice.js'
import { StaffScreen } from './staff-screen.js'

/** The board in a real browser, on the full set-up: staff on one instance, visitors on the other. */

t.setTimeout(280_000)

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
const rooms = 24
const roomSlot = (room: number, index: number): string =>
  `room-${room}/${new Date(Date.parse(`${tomorrow}T08:00Z`) + index * 1_800_000).toISOString().slice(0, 16)}Z`

async function axeFinds(screen: StaffScreen): Promise<string[]> {
  await screen.page.evaluate(axe)
  const { violations, passes } = (await screen.page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(rules)} })`
  )) as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]; passes: unknown[] }
  if (passes.length < 10) return ['axe did not look']
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 160)} ${nodes[0]!.failureSummary}`
  )
}

t.test('the staff board', async t => {
  const world = await startWorld(t, setUps[2]!, {
    settings: { SLOTLOCK_ORIGINS: '*', LOCKS_PER_SESSION_MAX: '64' }
  })
  const practice = await openPractice(t, { world })
  const { browser, site, define, slot } = practice
  await define('wing', {
    name: 'West wing',
    timeZone: 'UTC',
    slotMinutes: 30,
    resources: Array.from({ length: rooms }, (_, room) => ({
      id: `room-${room}`,
      name: `Room ${room}`,
      hours: openingHours
    }))
  })
  const staffUrl = world.a.url
  const token = world.tokenOf('staff')
  const widgetPage = site.putWidget('/visit', world.b.url)
  const watching = (calendar: string, options: object = {}): Promise<StaffScreen> =>
    StaffScreen.watching(browser, staffUrl, token, { calendar, day: tomorrow, ...options })
  const visitor = async (): Promise<{ token: string }> =>
    (await (await fetch(`${world.b.url}/v1/sessions`, { method: 'POST' })).json()) as { token: string }
  const lock = async (
    who: { token: string },
    slots: readonly string[],
    calendar = 'wing',
    ttlMs = 600_000
  ): Promise<string> => {
    for (;;) {
      const response = await fetch(`${world.b.url}/v1/calendars/${calendar}/locks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${who.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ slots, ttlMs })
      })
      const answer = (await response.json()) as { lock: { id: string }; code?: string }
      if (response.ok) return answer.lock.id
      // a database that has no room at the moment is asked again
      if (answer.code !== 'BUSY') throw new Error(`no lock: ${answer.code}`)
    }
  }
  const release = (who: { token: string }, id: string): Promise<Response> =>
    fetch(`${world.b.url}/v1/locks/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${who.token}` }
    })
  let next = 0

  await t.test(
    'staff see a visitor look, hold and lose; they free the hold with a reason, and the visitor is told',
    async t => {
      const board = await watching('clinic')
      const ann = await Screen.open(browser, widgetPage)
      const wanted = slot(next++)
      await ann.cell(wanted).hover()
      await board.page.locator(`.cell[data-slot="${wanted}"] .looks`).waitFor()
      await ann.hold(wanted)
      await board.sees(wanted, 'locked')
      await board.hears('held Dr. Lee')
      await board.cell(wanted).click()
      await board.page.locator('.chosen dd', { hasText: '127.0.0.1' }).waitFor()
      await board
        .button(/^Free the hold/)
        .first()
        .click()
      await board.page.getByLabel('Reason').fill('The doctor is ill')
      await board.page.locator('dialog').getByRole('button', { name: 'Free the hold' }).click()
      await board.notice.waitFor()
      t.match(await board.notice.textContent(), '1 hold was freed')
      await ann.page.getByText('The doctor is ill').first().waitFor()
      await board.sees(wanted, 'free')
      await board.hears('The doctor is ill')
      t.strictSame(board.problems, [])
      await Promise.all([board.close(), ann.close()])
    }
  )

  await t.test(
    'a visitor’s token opens nothing: the page says so, and the server refuses whatever the page does',
    async t => {
      const board = await StaffScreen.open(browser, staffUrl)
      const { token: strangers } = await visitor()
      const refused = async (what: string, words: RegExp): Promise<void> => {
        await board.signIn(what)
        await board.page.locator('.problem', { hasText: words }).waitFor()
      }
      await refused(strangers, /not for staff/)
      await refused('nonsense', /not given out by this server/)
      await refused(world.expiredToken, /time of this token is over/)
      await refused(' ', /Paste your staff token/)
      const answers = (await board.page.evaluate(`new Promise(resolve => {
      const socket = new WebSocket(location.origin.replace('http', 'ws') + '/v1/ws', 'slotlock.v1')
      const said = []
      socket.onmessage = ({ data }) => {
        said.push(JSON.parse(data))
        if (said.length === 3) resolve(said)
      }
      socket.onopen = () => {
        socket.send(JSON.stringify({ id: 1, type: 'hello', token: ${JSON.stringify(strangers)} }))
        socket.send(JSON.stringify({ id: 2, type: 'staff-watch', calendar: 'wing' }))
        socket.send(JSON.stringify({ id: 3, type: 'block', calendar: 'wing', slots: [${JSON.stringify(roomSlot(0, 0))}] }))
      }
    })`)) as object[]
      t.match(answers, [{ ok: true }, { error: { code: 'FORBIDDEN' } }, { error: { code: 'FORBIDDEN' } }])
      await board.close()
    }
  )

  await t.test('signed in over a reload, and signed out in every tab at once', async t => {
    const board = await StaffScreen.open(browser, staffUrl)
    // one of its own: it is good for nothing afterwards
    const token = world.tokenOf('staff')
    await board.signIn(token, true)
    await board.page.locator('.grid').waitFor()
    const other = await StaffScreen.inTab(await board.page.context().newPage(), staffUrl)
    await other.page.locator('.grid').waitFor()
    await board.page.reload()
    await board.page.locator('.grid').waitFor()
    await board.button('Sign out').click()
    await board.page.getByLabel('Staff token').waitFor()
    await other.page.locator('.problem', { hasText: 'signed out' }).waitFor()
    await board.page.reload()
    await board.page.getByLabel('Staff token').waitFor()
    t.strictSame(
      await board.page.evaluate('[...Object.values(localStorage), ...Object.values(sessionStorage)]'),
      []
    )
    await board.signIn(token)
    await board.page.locator('.problem', { hasText: 'was not given out by this server' }).waitFor()
    const asked = await fetch(`${world.b.url}/v1/staff/locks?calendar=wing`, {
      headers: { authorization: `Bearer ${token}` }
    })
    t.equal(asked.status, 401, 'at the other instance too')
    await board.close()
  })

  await t.test('staff of one calendar are offered that one alone', async t => {
    const board = await StaffScreen.open(browser, staffUrl)
    await board.signIn(world.tokenOf('staff', ['wing']))
    await board.page.locator('.calendar-name', { hasText: 'West wing' }).waitFor()
    t.equal(await board.page.locator('#calendar').count(), 0)
    await board.close()
  })

  await t.test(
    'with keys alone: sign in, walk, close and open several, free a hold, and nothing that happens moves the focus',
    async t => {
      const board = await StaffScreen.open(browser, staffUrl)
      const { keyboard } = board.page
      await board.page.getByLabel('Staff token').focus()
      await keyboard.insertText(token)
      await keyboard.press('Enter')
      await board.show('wing', tomorrow)
      await board.page.locator('.cell[tabindex="0"]').focus()
      t.equal(await board.focused(), roomSlot(0, 0))
      for (const key of ['ArrowDown', 'ArrowRight', 'ArrowRight']) await keyboard.press(key)
      await board.page.locator(`.cell[data-slot="${roomSlot(1, 2)}"]:focus`).waitFor()
      for (const key of ['Shift+ArrowRight', 'Shift+ArrowDown']) await keyboard.press(key)
      await board.button('Close 4').waitFor()
      await keyboard.press('Enter')
      await board.page.locator('.chosen button:focus').waitFor()
      await keyboard.press('Enter')
      const four = [roomSlot(1, 2), roomSlot(1, 3), roomSlot(2, 2), roomSlot(2, 3)]
      for (const closed of four) await board.sees(closed, 'blocked')
      await board.hears(/closed 4 slots/)
      await board.page.locator('.cell:focus').waitFor()

      const bystander = await visitor()
      const focused = await board.focused()
      for (let index = 0; index < 12; index++)
        await release(bystander, await lock(bystander, [roomSlot(2, 4 + (index % 4))]))
      const held = await lock(bystander, [roomSlot(0, 0)])
      await board.sees(roomSlot(0, 0), 'locked')
      // who holds it comes with what happened, a moment after the state itself
      await board.hears('held Room 0, 08:00')
      t.equal(await board.focused(), focused, 'the focus stays where it was')

      await keyboard.press('Control+Home')
      await board.page.locator(`.cell[data-slot="${roomSlot(0, 0)}"]:focus`).waitFor()
      await keyboard.press('Enter')
      await board.page.locator('dialog textarea:focus').waitFor()
      await keyboard.press('Escape')
      await board.page.locator('dialog').waitFor({ state: 'detached' })
      await board.page.locator(`.cell[data-slot="${roomSlot(0, 0)}"]:focus`).waitFor()
      await keyboard.press('Enter')
      await keyboard.type('we call you')
      await board.page.locator('dialog').getByRole('button', { name: 'Free the hold' }).press('Enter')
      await board.sees(roomSlot(0, 0), 'free')
      t.equal((await world.truth.lock(held))?.state, 'revoked')
      await practice.ask('DELETE', '/v1/calendars/wing/blocks', 'staff', { slots: four })
      await board.close()
    }
  )

  for (const colorScheme of ['light', 'dark'] as const)
    await t.test(`axe finds nothing in any state, ${colorScheme}`, async t => {
      const board = await StaffScreen.open(browser, staffUrl, { colorScheme })
      t.strictSame(await axeFinds(board), [], 'the door')
      await board.signIn('nonsense')
      await board.page.locator('.problem:not(:empty)').waitFor()
      t.strictSame(await axeFinds(board), [], 'the door, refused')
      await board.signIn(token)
      await board.show('wing', tomorrow)
      const ann = await visitor()
      const at = colorScheme === 'light' ? 5 : 6
      await lock(ann, [roomSlot(at, 0)])
      await lock(ann, [roomSlot(at, 1)], 'wing', 30_000)
      await practice.ask('POST', '/v1/calendars/wing/blocks', 'staff', { slots: [roomSlot(at, 2)] })
      await board.sees(roomSlot(at, 2), 'blocked')
      await board.cell(roomSlot(at, 0)).click()
      await board.page.locator('.chosen dl').waitFor()
      t.strictSame(await axeFinds(board), [], 'a hold is chosen')
      await board
        .button(/^Free the hold/)
        .first()
        .click()
      await board.page.locator('dialog[open]').waitFor()
      t.strictSame(await axeFinds(board), [], 'the dialog')
      await board.page.locator('dialog').getByRole('button', { name: 'Free the hold' }).click()
      await board.notice.waitFor()
      t.strictSame(await axeFinds(board), [], 'the notice')
      await board.close()
    })

  await t.test(
    'on a phone, and from right to left, nothing sticks out and keys go with the reading',
    async t => {
      const board = await watching('wing', {
        viewport: { width: 390, height: 844 },
        hasTouch: true,
        isMobile: true
      })
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
      t.equal(await board.page.evaluate(overflow), 0)
      await board.cell(roomSlot(0, 1)).tap()
      await board.button('Close').waitFor()
      await board.page.evaluate("document.documentElement.dir = 'rtl'")
      await board.page.locator('.base[dir="rtl"]').waitFor()
      t.equal(await board.page.evaluate(overflow), 0)
      await board.cell(roomSlot(0, 1)).focus()
      await board.page.keyboard.press('ArrowLeft')
      await board.page.locator(`.cell[data-slot="${roomSlot(0, 2)}"]:focus`).waitFor()
      await board.close()
    }
  )

  await t.test('Redis is killed while staff watch: they stay right, and are told what it means', async t => {
    const board = await watching('wing')
    const ann = await visitor()
    const before = await lock(ann, [roomSlot(8, 0)])
    await board.sees(roomSlot(8, 0), 'locked')
    await world.redis!.kill()
    await board.page.locator('.link.degraded').waitFor()
    await lock(ann, [roomSlot(8, 1)])
    await release(ann, before)
    await board.sees(roomSlot(8, 1), 'locked')
    await board.sees(roomSlot(8, 0), 'free')
    await board.hears(/gave Room 8, 08:00 back/)
    await board.cell(roomSlot(8, 1)).click()
    await board
      .button(/^Free the hold/)
      .first()
      .click()
    await board.page.locator('dialog').getByRole('button', { name: 'Free the hold' }).click()
    await board.sees(roomSlot(8, 1), 'free')
    t.strictSame(board.problems, [])
    await board.close()
  })

  await t.test('five hundred live locks: every one is shown, and what ends is gone', async t => {
    await define('hall', {
      name: 'Hall',
      timeZone: 'UTC',
      slotMinutes: 15,
      resources: Array.from({ length: rooms }, (_, room) => ({
        id: `room-${room}`,
        name: `Room ${room}`,
        hours: openingHours
      }))
    })
    const quarter = (index: number): string => {
      const startMs = Date.parse(`${tomorrow}T08:00Z`) + Math.floor(index / rooms) * 900_000
      return `room-${index % rooms}/${new Date(startMs).toISOString().slice(0, 16)}Z`
    }
    const board = await watching('hall')
    const visitors = await Promise.all(Array.from({ length: 10 }, visitor))
    const locks: [{ token: string }, string][] = []
    await Promise.all(
      visitors.map(async (who, nth) => {
        for (let index = nth; index < 500; index += visitors.length)
          locks.push([who, await lock(who, [quarter(index)], 'hall')])
      })
    )
    const held = (): Promise<number> => board.cells('locked').count()
    await until('all five hundred are shown', async () => (await held()) === 500)
    for (const [who, id] of locks.slice(0, 120)) while ((await release(who, id)).status === 503);
    await until('those that were given back are gone', async () => (await held()) === 380)
    const { locks: live } = (await practice.ask('GET', '/v1/staff/locks?calendar=hall', 'staff')) as {
      locks: { slots: string[]; by: string }[]
    }
    const shown =
      (await board.page.evaluate(`[...document.querySelector('staff-board').shadowRoot.querySelectorAll('.cell.locked')]
      .map(cell => cell.dataset.slot + ' ' + cell.dataset.tag)`)) as string[]
    t.strictSame(shown.sort(), live.map(({ slots: [one], by }) => `${one} ${by.slice(0, 4)}`).sort())
    t.strictSame(board.problems, [])
    await board.close()
  })
})
