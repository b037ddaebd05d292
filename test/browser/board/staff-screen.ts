import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { patienceMs } from '../../helpers/chromium.js'

/** One member of staff in front of the board. */
export class StaffScreen {
  readonly page: Page
  readonly problems: string[] = []

  constructor(page: Page) {
    this.page = page
    page.setDefaultTimeout(patienceMs)
    page.on('pageerror', error => this.problems.push(String(error)))
  }

  /** At the door. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {}
  ): Promise<StaffScreen> {
    const context = await browser.newContext({
      locale: 'en-GB',
      timezoneId: 'UTC',
      viewport: { width: 1_400, height: 900 },
      ...options
    })
    return StaffScreen.inTab(await context.newPage(), url)
  }

  static async inTab(page: Page, url: string): Promise<StaffScreen> {
    const screen = new StaffScreen(page)
    await page.goto(`${url}/staff`)
    return screen
  }

  /** Signed in, with one day of one calendar in view. */
  static async watching(
    browser: Browser,
    url: string,
    token: string,
    { calendar, day, ...options }: BrowserContextOptions & { calendar: string; day: string }
  ): Promise<StaffScreen> {
    const screen = await StaffScreen.open(browser, url, options)
    await screen.signIn(token)
    await screen.show(calendar, day)
    return screen
  }

  async signIn(token: string, stay = false): Promise<void> {
    await this.page.getByLabel('Staff token').fill(token)
    if (stay) await this.page.getByLabel('Stay signed in on this device').check()
    await this.button('Sign in').click()
  }

  async show(calendar: string, day: string): Promise<void> {
    await this.page.locator('header').waitFor()
    const choice = this.page.locator('#calendar')
    await this.page.locator('#calendar, .calendar-name:not(:empty)').first().waitFor()
    if ((await choice.count()) > 0) await choice.selectOption(calendar)
    await this.page.getByLabel('Day', { exact: true }).fill(day)
    await this.page.locator(`.cell[data-slot*="/${day}T"]`).first().waitFor()
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name })
  }

  cell(slot: string): Locator {
    return this.page.locator(`.cell[data-slot="${slot}"]`)
  }

  cells(state: string): Locator {
    return this.page.locator(`.cell.${state}`)
  }

  async sees(slot: string, state: string): Promise<void> {
    await this.page.locator(`.cell.${state}[data-slot="${slot}"]`).waitFor()
  }

  get notice(): Locator {
    return this.page.locator('.notice p')
  }

  /** Something of this kind is told in the feed. */
  hears(words: string | RegExp): Promise<void> {
    return this.page.locator('.feed li', { hasText: words }).first().waitFor()
  }

  /** The slot of the cell that has the focus. */
  focused(): Promise<string | null> {
    return this.page.evaluate(
      "document.querySelector('staff-board').shadowRoot.activeElement?.getAttribute('data-slot') ?? null"
    )
  }

  close(): Promise<void> {
    return this.page.context().close()
  }
}
