import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const SBIN = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin', '/opt/homebrew/bin']

const programs = {
  'redis-server': {
    names: ['redis-server', 'valkey-server'],
    debian: 'redis-server',
    brew: 'redis',
    fedora: 'redis'
  },
  mariadbd: {
    names: ['mariadbd', 'mysqld'],
    debian: 'mariadb-server',
    brew: 'mariadb',
    fedora: 'mariadb-server'
  },
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    debian: 'chromium',
    brew: '--cask chromium',
    fedora: 'chromium'
  }
} as const

export type Program = keyof typeof programs

export function findProgram(program: Program): string | undefined {
  for (const name of programs[program].names) {
    for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...SBIN]) {
      const path = join(folder, name)
      try {
        accessSync(path, constants.X_OK)
        return path
      } catch {
        // not in this folder
      }
    }
  }
  return undefined
}

export function requireProgram(program: Program): string {
  const path = findProgram(program)
  if (path === undefined) throw new Error(whatToInstall([program]))
  return path
}

/** One message that a person can act on; the tests need real servers and never pretend. */
export function whatToInstall(missing: readonly Program[]): string {
  const of = (system: 'debian' | 'brew' | 'fedora'): string => missing.map(p => programs[p][system]).join(' ')
  return [
    `The tests run against real servers and a real browser, and ${missing.join(' and ')} cannot be found. Install them with`,
    `  Debian, Ubuntu:  apt-get update && apt-get install --no-install-recommends ${of('debian')}`,
    `  macOS:           brew install ${of('brew')}`,
    `  Fedora:          dnf install ${of('fedora')}`,
    'None of them need be running: the tests start their own, on free loopback ports, in temporary folders.'
  ].join('\n')
}

/** Finds every server the tests need; on Debian as root it installs what is missing. */
export function ensurePrograms(): void {
  const missing = (): Program[] =>
    (Object.keys(programs) as Program[]).filter(p => findProgram(p) === undefined)
  if (missing().length === 0) return
  if (process.getuid?.() === 0 && hasAptGet()) {
    const packages = missing().map(p => programs[p].debian)
    console.error(`installing ${packages.join(' ')} from Debian's packages`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    // stdout goes to stderr: the runner's own output is TAP, and apt's chatter in it would be garbage
    const run = (...args: string[]): void =>
      void execFileSync('apt-get', args, { env, stdio: ['ignore', 2, 2], timeout: 600_000 })
    run('update', '-qq')
    // policy-rc.d is absent in a container; a service that starts by itself would sit on the default port
    run(
      'install',
      '-y',
      '-qq',
      '--no-install-recommends',
      '-o',
      'Dpkg::Options::=--force-confdef',
      ...packages
    )
  }
  if (missing().length > 0) throw new Error(whatToInstall(missing()))
}

function hasAptGet(): boolean {
  try {
    execFileSync('apt-get', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
