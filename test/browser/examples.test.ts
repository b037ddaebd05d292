import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { HostSite, openBrowser, Screen } from '../helpers/chromium.js'
import { setUps, startWorld } from '../helpers/set-ups.js'

/** The README's pages do in a browser what the README says; only the server's address is another. */

t.setTimeout(200_000)

const examples = new Map(
  [
    ...readFileSync('README.md', 'utf8').matchAll(
      /<!-- example: (\S+) -->\n```(?:html|jsx|js)\n([\s\S]*?)\n```/g
    )
  ].map(([, name, text]) => [name!, text!])
)

t.test('the examples of the README', async t => {
  t.strictSame([...examples.keys()], ['html', 'react', 'fullcalendar'], 'each of them is run here')
  const site = await HostSite.open(t)
  const { a } = await startWorld(t, setUps[0]!, { settings: { SLOTLOCK_ORIGINS: site.origin } })
  const browser = await openBrowser(t)
  const example = (name: string): string => examples.get(name)!.replaceAll('https://book.example', a.url)

  /** As a bundler of the reader's would, with the package as it is delivered. */
  async function bundled(name: string, source: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'slotlock-example-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const { outputFiles } = await build({
      stdin: { contents: source, loader: 'jsx', resolveDir: resolve('.') },
      bundle: true,
      write: false,
      format: 'iife',
      jsx: 'automatic',
      define: { 'process.env.NODE_ENV': '"production"' },
      alias: {
        'slotlock/widget': resolve('dist/widget/index.js'),
        'slotlock/client': resolve('dist/client/index.js')
      },
      outfile: join(folder, 'out.js'),
      logLevel: 'error'
    })
    return site.put(`/${name}.js`, outputFiles[0]!.text, 'text/javascript; charset=utf-8')
  }

  await t.test(
    'plain HTML, in a block of a content system: a visitor books, and the page hears of it',
    async t => {
      const page = site.put(
        '/',
        `<!doctype html><html lang="en"><title>Practice</title><body><div class="entry-content">${example('html')}</div>`
      )
      const ann = await Screen.open(browser, page)
      await ann.page.locator('.strip .day, .grid').first().waitFor()
      await ann.cells('free').last().click()
      await ann.button('Continue').click()
      await ann.page.getByLabel('Name').fill('Ann')
      await ann.page.getByLabel('Email').fill('ann@home.example')
      await ann.button('Book').click()
      await ann.page.locator('.done').waitFor()
      t.match(await ann.page.title(), /^Booked: dr-lee\//)
      t.strictSame(ann.problems, [])
      await ann.close()
    }
  )

  await t.test('React', async t => {
    const source = `${example('react')}
      import { createRoot } from 'react-dom/client'
      createRoot(document.querySelector('#root')).render(<Booking onBooked={({ id }) => (document.title = id)} />)`
    const script = await bundled('react', source)
    const page = site.put(
      '/react',
      `<!doctype html><title>React</title><div id="root"></div><script src="${script}"></script>`
    )
    const ann = await Screen.open(browser, page)
    await ann.cells('free').last().click()
    await ann.button('Weiter').click()
    await ann.page.getByLabel('Name').fill('Ann')
    await ann.button('Buchen').click()
    await ann.page.locator('.done').waitFor()
    t.match(await ann.page.title(), /^[\w-]{22}$/)
    t.strictSame(ann.problems, [])
    await ann.close()
  })

  await t.test('FullCalendar shows the times, and the widget holds what is pressed there', async t => {
    const script = await bundled('fullcalendar', example('fullcalendar'))
    const page = site.put(
      '/fullcalendar',
      `<!doctype html><title>Host</title><div id="calendar"></div><script src="${script}"></script>`
    )
    const context = await browser.newContext({ viewport: { width: 1_200, height: 1_400 } })
    const ann = new Screen(await context.newPage())
    await ann.page.goto(page)
    const free = ann.page.locator('.fc-event', { hasText: 'free' })
    await free.first().waitFor()
    await free.last().click()
    await ann.page.locator('.hold').waitFor()
    await ann.page.locator('.fc-event', { hasText: 'locked' }).waitFor()
    t.strictSame(ann.problems, [])
    await ann.close()
  })
})
