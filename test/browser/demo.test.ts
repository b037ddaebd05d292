import t from 'tap'
import { Screen } from '../helpers/chromium.js'
import { allDay, openPractice } from './widget/practice.js'

t.setTimeout(280_000)

t.test('on the first page two visitors sit side by side, and one sees what the other takes', async t => {
  const { browser, url, define } = await openPractice(t)
  const markup = `<img src=x onerror="document.title='taken over'">`
  await define('demo', {
    name: `Demo ${markup}`,
    timeZone: 'UTC',
    slotMinutes: 30,
    resources: [{ id: 'dr-lee', name: `Dr. Lee ${markup}`, hours: allDay }]
  })
  const { page } = await Screen.open(browser, `${url}/`)
  const at = (session: string, more: string) => page.locator(`slot-picker[session="${session}"] ${more}`)
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  const slot = `[data-slot="dr-lee/${tomorrow}T10:00Z"]`
  await at('ann', `.cell.free${slot}`).click()
  await at('ann', `.cell.mine${slot}`).waitFor()
  await at('bob', `.cell.locked${slot}`).waitFor()
  t.match(await at('bob', '.base').textContent(), markup, 'a name is shown as it is written')
  t.notMatch(await page.title(), /taken over/, 'and never carried out')
  await at('ann', '.hold').getByRole('button', { name: 'Give it back' }).click()
  await at('bob', `.cell.free${slot}`).waitFor()
  t.ok(await page.locator('a[href="/staff"]').first().isVisible(), 'and a link leads to the staff’s side')
})
