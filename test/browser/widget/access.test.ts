import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { Screen } from '../../helpers/chromium.js'
import { allDay, openPractice } from './practice.js'

/** The widget for everybody: axe in every state, keys alone, small screens, other scripts, other clocks. */

t.setTimeout(280_000)

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

async function axeFindsNothing(t: Test, screen: Screen, what: string): Promise<void> {
  const { violations, passes } = (await screen.page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(rules)} })`
  )) as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]; passes: unknown[] }
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)} ${nodes[0]!.failureSummary}`
  )
  t.strictSame(found, [], what)
  t.ok(passes.length > 10, `${what}: axe looked`)
}

t.test('one practice', async t => {
  const { browser, site, url, slot, define } = await openPractice(t)
  await define('days', {
    name: 'Day and night',
    timeZone: 'Europe/Berlin',
    slotMinutes: 60,
    resources: [{ id: 'night', name: 'Night desk', hours: allDay }]
  })
  const page = site.putWidget('/', url, 'slots-max="3" fields="email* phone note"')
  let next = 0

  for (const colorScheme of ['light', 'dark'] as const) {
    await t.test(`axe finds nothing in any state, ${colorScheme}`, async t => {
      const ann = await Screen.open(browser, page, { colorScheme })
      const bob = await Screen.open(browser, page)
      await ann.page.addScriptTag({ path: axe })
      const [held, mine] = [slot(next++), slot(next++)]
      await bob.hold(held)
      await bob.cell(slot(next)).hover()
      await ann.sees(slot(next), 'watched')
      await axeFindsNothing(t, ann, 'choosing, with a time on hold and one looked at')
      await ann.cell(held).click()
      await ann.hold(mine)
      await ann.cell(held).click()
      await ann.notice.waitFor()
      await axeFindsNothing(t, ann, 'holding, with a notice')
      await ann.button('Continue').click()
      await ann.page.locator('form').waitFor()
      await axeFindsNothing(t, ann, 'the form')
      await ann.button('Book').click()
      await ann.page.locator('.problem').first().waitFor()
      await axeFindsNothing(t, ann, 'the form with problems')
      await ann.page.getByLabel('Name').fill('Ann')
      await ann.page.getByLabel('Email').fill('ann@home.example')
      await ann.button('Book').click()
      await ann.page.locator('.done').waitFor()
      await axeFindsNothing(t, ann, 'the confirmation')
      await ann.button('Book another time').click()
      await ann.page.context().setOffline(true)
      await ann.page.locator('.strip-status').waitFor()
      await axeFindsNothing(t, ann, 'offline')
      await ann.close()
      await bob.close()
    })
  }

  await t.test('keys alone hold, book and come back, and the focus is never lost', async t => {
    const ann = await Screen.open(browser, page)
    const bob = await Screen.open(browser, page)
    const { keyboard } = ann.page
    // A key's focus comes with the next frame.
    const focusIsOn = (slot: string): Promise<unknown> =>
      ann.page.waitForFunction(
        `document.querySelector('slot-picker').shadowRoot.activeElement?.dataset.slot === '${slot}'`
      )
    await ann.cell(slot(10)).focus()
    await keyboard.press('ArrowDown')
    await focusIsOn(slot(11))
    await keyboard.press('ArrowRight')
    await keyboard.press('ArrowLeft')
    await keyboard.press('End')
    await keyboard.press('Home')
    await keyboard.press('ArrowRight')
    await focusIsOn(slot(11))
    t.equal(await ann.page.locator('.grid [tabindex="0"]').count(), 1, 'one time is in the tab order')
    await bob.hold(slot(11))
    await ann.sees(slot(11), 'locked')
    await focusIsOn(slot(11))
    await ann.page.getByText('has just been taken by somebody else').waitFor({ state: 'attached' })
    await keyboard.press('PageDown')
    await ann.sees(slot(11, 8), 'free')
    await focusIsOn(slot(11, 8))
    await keyboard.press('Enter')
    await ann.sees(slot(11, 8), 'mine')
    await focusIsOn(slot(11, 8))
    await ann.button('Continue').focus()
    await keyboard.press('Enter')
    await ann.page.waitForFunction(
      "document.querySelector('slot-picker').shadowRoot.activeElement?.id === 'details'"
    )
    await keyboard.press('Tab')
    await keyboard.type('Ann')
    await keyboard.press('Enter')
    await ann.page.waitForFunction(
      "document.querySelector('slot-picker').shadowRoot.activeElement?.id === 'email'"
    )
    await keyboard.type('ann@home.example')
    await keyboard.press('Enter')
    await ann.page.waitForFunction(
      "document.querySelector('slot-picker').shadowRoot.activeElement?.id === 'done'"
    )
    await ann.close()
    await bob.close()
  })

  await t.test(
    'on a phone a day fits the screen, targets are large, and the days of the week are one press away',
    async t => {
      const ann = await Screen.open(browser, page, {
        viewport: { width: 360, height: 740 },
        hasTouch: true,
        isMobile: true
      })
      t.equal(
        await ann.page.evaluate('document.documentElement.scrollWidth'),
        360,
        'nothing is wider than the screen'
      )
      const sizes = (await ann.page.evaluate(
        "[...document.querySelector('slot-picker').shadowRoot.querySelectorAll('button, .grid .cell, .choices label')].map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height))"
      )) as number[]
      t.ok(Math.min(...sizes) >= 24, `the smallest target is ${Math.min(...sizes)} px`)
      await ann.page.locator('.strip .day').nth(2).tap()
      await ann.cell(slot(5, 2)).tap()
      await ann.sees(slot(5, 2), 'mine')
      await ann.button('Continue').tap()
      await ann.page.locator('form').waitFor()
      t.equal(await ann.page.evaluate('document.documentElement.scrollWidth'), 360)
      await ann.close()
    }
  )

  await t.test('from right to left the arrows follow the eye, and the texts are Arabic', async t => {
    const rtl = site.put(
      '/rtl',
      `<!doctype html><html lang="ar" dir="rtl"><title>عيادة</title><body><script src="${url}/slot-picker.js"></script>
       <slot-picker server="${url}" calendar="clinic"></slot-picker></body></html>`
    )
    const ann = await Screen.open(browser, rtl, { locale: 'ar' })
    await ann.page.getByRole('heading', { name: 'اختر موعدًا' }).waitFor()
    await ann.cell(slot(3, 2)).focus()
    await ann.page.keyboard.press('ArrowLeft')
    await ann.page.waitForFunction(
      `document.querySelector('slot-picker').shadowRoot.activeElement?.dataset.slot === '${slot(3, 3)}'`
    )
    const [here, there] = [await ann.cell(slot(3, 2)).boundingBox(), await ann.cell(slot(3, 3)).boundingBox()]
    t.ok(there!.x < here!.x, 'tomorrow is on the left')
    await ann.close()
  })

  await t.test('times are the visitor’s, and a clock change leaves no time out and none twice', async t => {
    const year = new Date().getUTCFullYear() + 1
    const lastSunday = (month: number): string => {
      const end = new Date(Date.UTC(year, month, 0))
      return new Date(end.getTime() - end.getUTCDay() * 86_400_000).toISOString().slice(0, 10)
    }
    const labels = async (from: string, timezoneId: string): Promise<string[]> => {
      const page = site.put(
        '/days',
        `<!doctype html><title>Days</title><script src="${url}/slot-picker.js"></script>
         <slot-picker server="${url}" calendar="days" days="1" from="${from}"></slot-picker>`
      )
      const screen = await Screen.open(browser, page, { timezoneId })
      await screen.page.waitForFunction(
        "(rows => rows > 0 && rows === globalThis.rowsBefore || (globalThis.rowsBefore = rows, false))(document.querySelector('slot-picker').shadowRoot.querySelectorAll('.grid .cell').length)",
        undefined,
        { polling: 500 }
      )
      const texts = await screen.page.locator('.grid .cell').allTextContents()
      await screen.close()
      return texts.map(text => text.trim())
    }
    const spring = await labels(lastSunday(3), 'Europe/Berlin')
    t.equal(spring.length, 23)
    t.notOk(spring.includes('02:00'), 'two o’clock does not exist')
    const autumn = await labels(lastSunday(10), 'Europe/Berlin')
    t.equal(autumn.length, 25)
    t.equal(new Set(autumn).size, 25, 'the hour that comes twice is told apart')
    t.match(autumn.filter(text => text.startsWith('02:00')).join(), /02:00 (CEST|GMT\+2),02:00 (CET|GMT\+1)/)
    t.equal((await labels(lastSunday(10), 'Asia/Tokyo')).length, 24, 'a day in Tokyo is an ordinary one')
  })
})
