import t from 'tap'
import { Screen } from '../../helpers/chromium.js'
import { until } from '../../helpers/process.js'
import { openPractice } from './practice.js'

t.setTimeout(280_000)

t.test('two visitors and one practice', async t => {
  const { browser, site, url, slot, ask } = await openPractice(t)
  const page = site.putWidget('/', url, 'slots-max="3"')
  const ann = await Screen.open(browser, page)
  const bob = await Screen.open(browser, page)

  await t.test(
    'of two who press the same time at once one holds it, and the other is told until when',
    async t => {
      await Promise.all([ann.cell(slot(0)).click(), bob.cell(slot(0)).click()])
      await until(
        'both know',
        async () => {
          const holds = (await ann.page.locator('.hold').count()) + (await bob.page.locator('.hold').count())
          const notices = (await ann.notice.count()) + (await bob.notice.count())
          return holds === 1 && notices === 1
        },
        30_000
      )
      const [winner, loser] = (await ann.page.locator('.hold').count()) === 1 ? [ann, bob] : [bob, ann]
      await loser.sees(slot(0), 'locked')
      t.match(await loser.notice.textContent(), /^Somebody is holding .* until \d?\d:\d\d\. We tell you here/)
      await winner.button('Give it back').click()
      await loser.sees(slot(0), 'free')
      t.match(await loser.notice.textContent(), /is free again/)
      await loser.button('Take it').click()
      await loser.sees(slot(0), 'mine')
      await loser.button('Give it back').click()
      await winner.sees(slot(0), 'free')
    }
  )

  await t.test('a time that somebody looks at is marked for the others, and not for oneself', async t => {
    await ann.cell(slot(5)).hover()
    await bob.sees(slot(5), 'watched')
    t.notMatch(await ann.cell(slot(5)).getAttribute('class'), /watched/)
    await ann.page.mouse.move(1, 1)
    await bob.page.locator(`.grid .watched[data-slot="${slot(5)}"]`).waitFor({ state: 'detached' })
  })

  await t.test('a reload keeps the hold, and another tab of the same visitor shows it', async () => {
    await ann.hold(slot(1))
    await ann.page.reload()
    await ann.sees(slot(1), 'mine')
    await ann.page.locator('.hold').waitFor()
    const tab = await ann.anotherTab(page)
    await tab.sees(slot(1), 'mine')
    await tab.button('Give it back').click()
    await ann.page.locator('.hold').waitFor({ state: 'detached' })
    await tab.page.close()
    await bob.sees(slot(1), 'free')
  })

  await t.test('neighbours are added one by one, and a hold has no holes', async t => {
    await ann.hold(slot(2))
    await ann.cell(slot(3)).click()
    await ann.sees(slot(3), 'mine')
    await ann.cell(slot(4)).click()
    await bob.sees(slot(4), 'locked')
    await bob.sees(slot(2), 'locked')
    t.match(await ann.page.locator('.hold strong').textContent(), /09:00\s?–\s?10:30/)
    await ann.cell(slot(8)).click()
    await ann.sees(slot(8), 'mine')
    await bob.sees(slot(2), 'free')
  })

  await t.test('staff take a hold back, and the visitor reads why', async t => {
    const { locks } = (await ask('GET', '/v1/staff/locks?calendar=clinic', 'staff')) as {
      locks: { id: string }[]
    }
    t.equal(locks.length, 1)
    await ask('DELETE', `/v1/staff/locks/${locks[0]!.id}`, 'staff', { reason: 'Dr. Lee is ill.' })
    await ann.page.locator('.notice.warn').waitFor()
    t.match(await ann.notice.textContent(), /We had to take back .*: Dr\. Lee is ill\. Please choose/)
    await ann.sees(slot(8), 'free')
  })

  await t.test('a name books, the page is told, and nobody else learns who', async t => {
    const told = ann.told('booked')
    await ann.hold(slot(6))
    await ann.button('Continue').click()
    await ann.button('Book').click()
    t.equal(await ann.page.locator('#name').getAttribute('aria-invalid'), 'true', 'a name is needed')
    await ann.page.getByLabel('Name').fill('Ann Secret-Name')
    await ann.page.getByLabel('Email').fill('ann@secret.example')
    await ann.page.getByLabel('Note').fill('secret-note')
    await ann.button('Book').click()
    await ann.page.getByRole('heading', { name: 'Your booking is confirmed' }).waitFor()
    t.match(await told, {
      calendar: 'clinic',
      slots: [slot(6)],
      booking: { customer: { name: 'Ann Secret-Name' } }
    })
    await bob.sees(slot(6), 'booked')
    const heard = bob.received.join('\n') + (await bob.shown())
    t.notMatch(heard, /secret/i)
    const [token] = await ann.kept()
    t.ok(token!.length > 20 && !heard.includes(token!), 'nor the token')
    t.equal((await bob.page.context().cookies()).length, 0, 'and no cookie was needed')
    await ann.button('Book another time').click()
    await ann.sees(slot(6), 'booked')
  })

  await t.test('nothing went wrong that nobody saw', async t => {
    t.strictSame([...ann.problems, ...bob.problems], [])
  })
  await ann.close()
  await bob.close()
})

t.test('a hold that ends', async t => {
  const { browser, site, url, slot } = await openPractice(t, { settings: { LOCK_TTL_MS: '6000' } })
  const page = site.putWidget('/', url, '')
  const ann = await Screen.open(browser, page)
  const bob = await Screen.open(browser, page)

  await t.test('offers more time in its last minute, and has it then', async t => {
    await ann.hold(slot(0))
    await ann.page.locator('.notice').waitFor()
    t.match(await ann.notice.textContent(), /less than a minute/)
    const extended = ann.told('extended')
    const before = await bob.page.locator(`.cell.locked[data-slot="${slot(0)}"]`).count()
    t.equal(before, 1)
    await ann.button('Keep it longer').focus()
    await ann.page.keyboard.press('Enter')
    t.match(await extended, { slots: [slot(0)] })
    await ann.page.waitForFunction(
      "document.querySelector('slot-picker').shadowRoot.activeElement?.matches('.base')"
    )
  })

  await t.test('is free on both screens when its countdown has ended, with what was typed kept', async t => {
    await ann.button('Continue').click()
    await ann.page.getByLabel('Name').fill('Ann')
    await bob.sees(slot(0), 'free')
    await ann.sees(slot(0), 'free')
    t.match(await ann.notice.textContent(), /has run out/)
    await ann.button('Hold it again').click()
    await ann.page.locator('form').waitFor()
    t.equal(await ann.page.getByLabel('Name').inputValue(), 'Ann')
  })
  await ann.close()
  await bob.close()
})
