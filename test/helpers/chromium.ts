import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'
import { requireProgram } from './find-program.js'

type TearsDown = { teardown(end: () => unknown): void }

/** Without a screen, without a sandbox (which root has none of), and without talking to anybody. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

/** Whatever is waited for in a browser on a busy machine comes within this, or not at all. */
export const patienceMs = 30_000

/** One for all tests of a file; each test opens contexts, which share nothing. */
export async function openBrowser(t: TearsDown): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: requireProgram('chromium'),
    args: flags,
    timeout: 120_000
  })
  t.teardown(() => browser.close())
  return browser
}

/** Somebody's web site: pages of an origin that is not slotlock's. */
export class HostSite {
  readonly #server: Server
  readonly #pages = new Map<string, { type: string; body: string }>()

  private constructor() {
    this.#server = createServer((request, response) => {
      const page = this.#pages.get(request.url?.split('?', 1)[0] ?? '')
      response.writeHead(page === undefined ? 404 : 200, { 'content-type': page?.type ?? 'text/plain' })
      response.end(page?.body)
    })
  }

  static async open(t: TearsDown): Promise<HostSite> {
    const site = new HostSite()
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    t.teardown(() => {
      site.#server.closeAllConnections()
      site.#server.close()
    })
    return site
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Answers the page's address. */
  put(path: string, body: string, type = 'text/html; charset=utf-8'): string {
    this.#pages.set(path, { type, body })
    return `${this.origin}${path}`
  }

  /** A page with one widget, as a host would write it. */
  putWidget(path: string, slotlock: string, attributes = ''): string {
    return this.put(
      path,
      `<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>Host</title></head>
      <body><main><h1>Our practice</h1><script src="${slotlock}/slot-picker.js" async></script>
      <slot-picker server="${slotlock}" calendar="clinic" ${attributes}></slot-picker></main></body></html>`
    )
  }
}

/** One visitor's browser, with the widget of a page in it. */
export class Screen {
  readonly page: Page
  /** Everything that the server told this page, and all that its console said. */
  readonly received: string[] = []
  readonly problems: string[] = []

  constructor(page: Page) {
    this.page = page
    page.setDefaultTimeout(patienceMs)
    page.on('websocket', socket =>
      socket.on('framereceived', ({ payload }) => this.received.push(String(payload)))
    )
    page.on('pageerror', error => this.problems.push(String(error)))
  }

  /** A visitor of one's own: own storage, own session. */
  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Screen> {
    const context = await browser.newContext({
      locale: 'en-GB',
      timezoneId: 'UTC',
      viewport: { width: 1_000, height: 800 },
      reducedMotion: 'reduce',
      ...options
    })
    return Screen.inTab(await context.newPage(), url)
  }

  static async inTab(page: Page, url: string): Promise<Screen> {
    const screen = new Screen(page)
    await page.goto(url)
    await screen.cells('free').first().waitFor()
    return screen
  }

  /** Another tab of the same visitor. */
  async anotherTab(url: string): Promise<Screen> {
    return Screen.inTab(await this.page.context().newPage(), url)
  }

  cells(state: string): Locator {
    return this.page.locator(`.grid .cell.${state}`)
  }

  cell(slot: string): Locator {
    return this.page.locator(`.grid .cell[data-slot="${slot}"]`)
  }

  /** Waits until the slot looks so. */
  async sees(slot: string, state: string): Promise<void> {
    await this.page.locator(`.grid .cell.${state}[data-slot="${slot}"]`).waitFor()
  }

  async hold(slot: string): Promise<void> {
    await this.cell(slot).click()
    await this.page.locator('.hold').waitFor()
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  /** What the next event of this name carries; listens from when `evaluate` returns. */
  told(event: string): Promise<unknown> {
    return this.page.evaluate(
      `new Promise(resolve => document.addEventListener('slot-picker:${event}', ({ detail }) => resolve(detail), { once: true }))`
    )
  }

  /** All that the widget put into the page. */
  shown(): Promise<string> {
    return this.page.evaluate("document.querySelector('slot-picker').shadowRoot.innerHTML")
  }

  /** All values that this visitor's browser keeps for the site. */
  kept(): Promise<string[]> {
    return this.page.evaluate('Object.values(localStorage)')
  }

  get notice(): Locator {
    return this.page.locator('.notice p')
  }

  close(): Promise<void> {
    return this.page.context().close()
  }
}
