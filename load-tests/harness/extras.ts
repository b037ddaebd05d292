import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Report } from './report.js'

const folder = fileURLToPath(new URL('..', import.meta.url))
const installWithinMs = 180_000

/**
 * Others' servers and the library that draws the plots are no dependency of slotlock: the first run that needs them
 * installs them, from the package registry and into `load-tests/node_modules`.
 */
export function installExtras(): void {
  // written by npm when everything is in its place: an installation that broke off has none, and one of before has an older one
  const installed = statSync(join(folder, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false })
  if (installed !== undefined && installed.mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs)
    return
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: folder,
    stdio: 'pipe',
    timeout: installWithinMs
  })
}

/** Whether they could be installed; why not stands in the report, and whoever is compared goes without them. */
export function extrasAreHere(report: Report): boolean {
  try {
    installExtras()
    return true
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    report.note(`other people's libraries are not compared, they could not be installed: ${why}`)
    return false
  }
}
