import t from 'tap'
import { HostSite, Screen } from '../../helpers/chromium.js'
import { setUps } from '../../helpers/set-ups.js'
import { openPractice } from './practice.js'

t.setTimeout(280_000)

t.test('with Redis and MariaDB behind two instances', async t => {
  const setUp = setUps.find(({ name }) => name === 'redis+sql')!
  const { browser, site, world, url, slot } = await openPractice(t, { setUp })
  const ann = await Screen.open(browser, site.putWidget('/a', url))
  const bob = await Screen.open(browser, site.putWidget('/b', world.b.url))

  await t.test('Redis dies while both watch: they are told, and stay right', async t => {
    await ann.hold(slot(0))
    await bob.sees(slot(0), 'locked')
    await world.redis!.kill()
    await ann.page.locator('.strip-status.calm').waitFor()
    t.match(await ann.page.locator('.strip-status').textContent(), /Everything works/)
    await bob.cell(slot(1)).click()
    await bob.sees(slot(1), 'mine')
    await ann.sees(slot(1), 'locked')
    await ann.cell(slot(2)).click()
    await ann.sees(slot(2), 'mine')
    await bob.sees(slot(0), 'free')
    await bob.sees(slot(2), 'locked')
    await world.redis!.restart()
    await ann.page.locator('.strip-status').waitFor({ state: 'detached' })
    await bob.button('Give it back').click()
    await ann.sees(slot(1), 'free')
  })

  await t.test(
    'offline and back: the visitor is told, the hold stands, and what happened meanwhile is there',
    async t => {
      await bob.hold(slot(4))
      await bob.page.context().setOffline(true)
      await bob.page.locator('.strip-status').waitFor()
      t.match(await bob.page.locator('.strip-status').textContent(), /You are offline\. .* stays yours until/)
      await ann.sees(slot(4), 'locked')
      await ann.cell(slot(5)).click()
      await ann.sees(slot(5), 'mine')
      await bob.page.context().setOffline(false)
      await bob.page.locator('.strip-status').waitFor({ state: 'detached' })
      await bob.sees(slot(5), 'locked')
      await bob.sees(slot(4), 'mine')
    }
  )
  await ann.close()
  await bob.close()
})

t.test('a page of a foreign origin gets nothing, and says so', async t => {
  const { browser, url } = await openPractice(t)
  const foreign = await HostSite.open(t)
  const page = await (await browser.newContext()).newPage()
  const screen = new Screen(page)
  await page.goto(foreign.putWidget('/', url))
  await page.locator('.strip-status').waitFor()
  t.match(await page.locator('.strip-status').textContent(), /cannot be reached|may not show/)
  t.equal(await screen.cells('free').count(), 0)
  t.strictSame(screen.received, [])
  await screen.close()
})
