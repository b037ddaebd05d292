import t from 'tap'
import { Screen } from '../../helpers/chromium.js'
import { until } from '../../helpers/process.js'
import { StaffScreen } from '../board/staff-screen.js'
import { openingHours, openPractice } from './practice.js'

/** What people and their pages do without thinking of the widget. */

t.setTimeout(280_000)

t.test('one practice', async t => {
  const { browser, site, url, slot, define, ask, world } = await openPractice(t)
  const page = site.putWidget('/', url, 'slots-max="2"')
  const ann = await Screen.open(browser, page)
  const { keyboard } = ann.page
  const focused = (selector: string) =>
    ann.page.waitForFunction(
      `document.querySelector('slot-picker').shadowRoot.activeElement?.matches('${selector}')`
    )

  await t.test('a double click holds, and does not give back with its second half', async t => {
    const told: string[] = []
    await ann.page.exposeFunction('note', (name: string) => told.push(name))
    await ann.page.evaluate(
      "for (const name of ['held', 'released']) document.addEventListener('slot-picker:' + name, () => note(name))"
    )
    await ann.cell(slot(0)).dblclick()
    await ann.page.locator('.hold').waitFor()
    await ann.cell(slot(1)).click()
    await ann.sees(slot(1), 'mine')
    await ann.sees(slot(0), 'mine')
    t.strictSame(told, ['held', 'held'])
  })

  await t.test('the focus stays in the widget when the button that had it goes', async t => {
    const bob = await Screen.open(browser, page)
    await bob.hold(slot(4))
    await ann.cell(slot(4)).click()
    await ann.button('Close').focus()
    await keyboard.press('Enter')
    await ann.notice.waitFor({ state: 'detached' })
    await focused('.base')
    await ann.button('Give it back').focus()
    await keyboard.press('Enter')
    await ann.page.locator('.hold').waitFor({ state: 'detached' })
    await focused('.cell')
    await bob.close()
    t.strictSame(ann.problems, [])
  })

  await t.test('another tab’s exchange leads out of the form, to what is held now', async t => {
    await ann.hold(slot(6))
    await ann.button('Continue').click()
    await ann.page.getByLabel('Name').fill('Ann')
    const tab = await ann.anotherTab(page)
    await tab.page.locator('.hold').waitFor()
    await tab.cell(slot(9)).click()
    await tab.sees(slot(9), 'mine')
    await tab.page.close()
    await ann.sees(slot(9), 'mine')
    t.match(await ann.page.locator('.hold strong').textContent(), /12:30/)
    await focused('.cell')
    await ann.button('Give it back').click()
    await ann.page.locator('.hold').waitFor({ state: 'detached' })
  })

  await t.test('a page that forbids styles in its markup shows the same columns', async t => {
    const strict = site.put(
      '/strict',
      `<!doctype html><html lang="en"><title>Strict</title>
       <meta http-equiv="content-security-policy" content="default-src 'self'; script-src ${url}; connect-src ${url} ${url.replace('http', 'ws')}">
       <script src="${url}/slot-picker.js"></script><slot-picker server="${url}" calendar="clinic" days="5"></slot-picker>`
    )
    const screen = await Screen.open(browser, strict)
    const [first, fifth] = [
      await screen.cell(slot(0)).boundingBox(),
      await screen.cell(slot(0, 4)).boundingBox()
    ]
    t.equal(first!.y, fifth!.y, 'the fifth day is beside the others')
    await screen.close()
  })

  await t.test('a page that shows the times itself may offer any day', async t => {
    const far = slot(3, 40)
    const bob = await Screen.open(browser, page)
    const wide = site.putWidget('/without', url, 'without-grid')
    await ann.page.goto(wide)
    await ann.page.locator('slot-picker .base').waitFor()
    const choose = (slot: string) =>
      ann.page.evaluate(`document.querySelector('slot-picker').choose('${slot}')`)
    await choose(far)
    await ann.page.locator('.hold').waitFor()
    await choose('dr-lee/2001-01-01T00:00Z')
    t.match(await ann.page.locator('.hold strong').textContent(), /09:30/, 'what is past is not asked for')
    await choose(slot(3, 40).replace('dr-lee', 'nobody'))
    await ann.notice.waitFor()
    t.match(await ann.notice.textContent(), /did not work/, 'what is not there is said')
    await bob.close()
  })

  await t.test('a calendar that is defined anew is shown so, also to who chose what is gone', async t => {
    const resources = (...names: string[]) =>
      names.map(name => ({ id: name.toLowerCase(), name, hours: openingHours }))
    const practice = { name: 'Practice', timeZone: 'UTC', slotMinutes: 30 }
    await define('practice', { ...practice, resources: resources('Lee', 'Kim') })
    const host = `<!doctype html><title>Host</title><script src="${url}/slot-picker.js"></script>
      <slot-picker server="${url}" calendar="practice"></slot-picker>`
    const screen = await Screen.open(browser, site.put('/anew', host))
    await screen.page.getByLabel('Kim').check()
    await define('practice', { ...practice, slotMinutes: 60, resources: resources('Lee', 'Moss') })
    await until(
      'the new name is there',
      async () => {
        await screen.button('Later').first().click()
        return (await screen.page.getByLabel('Moss').count()) > 0
      },
      60_000
    )
    t.equal(await screen.page.getByLabel('Kim').count(), 0)
    t.ok(await screen.page.getByLabel('Lee').isChecked(), 'somebody is chosen')
    await screen.cells('free').last().click()
    t.match(await screen.page.locator('.hold strong').textContent(), /17:00\s?–\s?18:00/)
    await screen.close()
  })

  await t.test('names and reasons are text, whatever is in them, for visitors and for staff', async t => {
    const evil = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
    const hours = openingHours
    await define('markup', {
      name: evil,
      timeZone: 'UTC',
      slotMinutes: 30,
      resources: [
        { id: 'dr-lee', name: `Lee ${evil}`, hours },
        { id: 'dr-kim', name: `Kim ${evil}`, hours }
      ]
    })
    const host = `<!doctype html><title>Host</title><script src="${url}/slot-picker.js"></script>
      <slot-picker server="${url}" calendar="markup"></slot-picker>`
    const victim = await Screen.open(browser, site.put('/markup', host))
    const board = await StaffScreen.watching(browser, url, world.tokenOf('staff'), {
      calendar: 'markup',
      day: slot(0).slice(7, 17)
    })
    await victim.page.getByLabel('Lee <img').check()
    await victim.hold(slot(2))
    await board.sees(slot(2), 'locked')
    const { locks } = (await ask('GET', '/v1/staff/locks?calendar=markup', 'staff')) as {
      locks: { id: string }[]
    }
    await ask('DELETE', `/v1/staff/locks/${locks[0]!.id}`, 'staff', { reason: evil })
    await victim.page.locator('.notice.warn', { hasText: 'onerror' }).waitFor()
    await board.hears('onerror')
    for (const { page } of [victim, board]) {
      t.equal(await page.locator('img[src="x"]').count(), 0)
      t.not(await page.title(), 'owned')
    }
    t.strictSame([...victim.problems, ...board.problems], [])
    await Promise.all([victim.close(), board.close()])
  })

  await ann.close()
})
