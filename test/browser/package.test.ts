import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { requireBuilt } from '../helpers/instance.js'

/** The package as whoever installs it has it: without this checkout's sources, and without its tools. */

requireBuilt()

interface Export {
  types: string
  default: string
}
const { exports, dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, Export | string>
  dependencies: Record<string, string>
}
const entries = Object.values(exports).filter(entry => typeof entry !== 'string')

/** The files that a declaration leads to, itself among them, and the packages that they name. */
function reach(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    const imports = readFileSync(file, 'utf8').matchAll(/(?<!["'])\b(?:from|import)\s*\(?["']([^"']+)["']/g)
    for (const [, name] of imports) {
      if (name!.startsWith('.')) visit(join(dirname(file), name!).replace(/\.js$/, '.d.ts'))
      else if (!name!.startsWith('node:')) packages.add(name!.match(/^(@[^/]+\/)?[^/]+/)![0])
    }
  }
  visit(entry)
  return { files, packages }
}

t.test('all that is exported is packed, with every type that it leads to', async t => {
  const [{ files }] = JSON.parse(
    String(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { stdio: 'pipe' }))
  ) as [{ files: { path: string }[] }]
  const packed = new Set(files.map(({ path }) => path))
  t.ok(entries.length >= 5)
  for (const entry of entries) {
    t.ok(packed.has(join(entry.default)), entry.default)
    const { files } = reach(join(entry.types))
    t.strictSame(
      [...files].filter(file => !packed.has(file)),
      [],
      entry.types
    )
  }
})

t.test('types name no package that is not installed with this one', async t => {
  for (const { types } of entries) {
    const { packages } = reach(join(types))
    t.strictSame(
      [...packages].filter(name => !(name in dependencies)),
      [],
      types
    )
  }
})

t.test(
  'a page may be rendered on a server: neither client nor widget needs a browser to be imported',
  async t => {
    for (const name of ['client', 'widget', 'widget/element'])
      execFileSync(process.execPath, ['--input-type=module', '-e', `await import('slotlock/${name}')`], {
        stdio: 'pipe'
      })
    t.match(readFileSync('dist/browser/widget/define.d.ts', 'utf8'), "'slot-picker': SlotPicker")
  }
)

t.test(
  'a start loads nothing that it does not use: no driver, no doctor, and TypeBox as a few files',
  async t => {
    const reached = new Map<string, string>()
    const visit = (file: string): void => {
      if (reached.has(file)) return
      const text = readFileSync(file, 'utf8')
      reached.set(file, text)
      for (const [, name] of text.matchAll(/^(?:import|export)[^;]*?from\s*["'](\.[^"']+)["']/gm))
        visit(join(dirname(file), name!))
    }
    visit('dist/commands/serve.js')
    t.ok(reached.has('dist/protocol/validate.js') && reached.has('dist/transport/websocket.js'))
    const unused = /^import [^;]*?from ["'](mysql2|ioredis|typebox|@opentelemetry\/)/m
    t.strictSame(
      [...reached]
        .filter(([file, text]) => unused.test(text) || file.startsWith('dist/doctor/'))
        .map(([file]) => file),
      []
    )
    t.match(readFileSync('dist/stores/sql/mysql.js', 'utf8'), unused, 'the rule knows one when it sees one')
  }
)
