import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import * as scripts from '../../src/stores/redis/scripts.js'

/** What keeps lua/ honest: no dead script, no dead binding, no status word that only one side knows. */

const folder = new URL('../../lua/', import.meta.url)
const names = readdirSync(folder)
  .filter(file => file.endsWith('.lua'))
  .map(file => file.slice(0, -4))
const read = (name: string): string => readFileSync(new URL(`${name}.lua`, folder), 'utf8')
const withoutComments = (source: string): string => source.replace(/--.*$/gm, '')

t.test('every script has an entry in scripts.ts, and every entry a script', async t => {
  const entries = Object.values(scripts).map(script => script.name)
  t.strictSame(entries.sort(), names.sort())
})

t.test('every library is included by some script', async t => {
  const all = Object.values(scripts)
  for (const file of readdirSync(new URL('lib/', folder))) {
    const library = read(`lib/${file.slice(0, -4)}`)
    const [, defined] = /^local function (\w+)/m.exec(library)!
    t.ok(
      all.some(script => script.source.includes(`local function ${defined}(`)),
      file
    )
  }
})

for (const name of names) {
  t.test(`${name}: every key and argument that it binds is used, and says what it is`, async t => {
    const source = read(name)
    const bindings = [...source.matchAll(/^local (\w+) *=.*\b(?:KEYS|ARGV)\b.*$/gm)]
    t.ok(bindings.length > 0)
    for (const [line, local] of bindings) {
      const uses = withoutComments(source).match(new RegExp(`\\b${local}\\b`, 'g'))!.length
      t.ok(uses > 1, `${local} is read`)
      t.match(line, /-- [a-z ]+: /, `${local} has its type and meaning`)
    }
  })

  t.test(`${name}: its header names each status it returns, and no other`, async t => {
    const source = read(name)
    const header = source.slice(0, source.indexOf('\nlocal '))
    const inHeader = [...header.matchAll(/^-- {3}\{ '([A-Z]+)'/gm)].map(([, word]) => word)
    const inCode = new Set([...withoutComments(source).matchAll(/\{ '([A-Z]+)'/g)].map(([, word]) => word))
    t.match(header, /^-- Returns one of$/m)
    t.strictSame(inHeader.sort(), [...inCode].sort())
  })
}

t.test('nothing looks through all keys of Redis: what is listed has an index', async t => {
  const stores = new URL('../../src/stores/redis/', import.meta.url)
  const sources = [
    ...Object.values(scripts).map(({ name, source }): [string, string] => [name, withoutComments(source)]),
    ...readdirSync(stores).map((file): [string, string] => [
      file,
      readFileSync(new URL(file, stores), 'utf8')
    ])
  ]
  for (const [name, source] of sources)
    t.notMatch(source, /call\(\s*['"](?:keys|scan)\b|\.(?:keys|scan(?:Stream)?)\(['"{]/i, name)
})

t.test('the README has each key, each script and each status', async t => {
  const readme = readFileSync(new URL('README.md', folder), 'utf8')
  for (const name of names) t.ok(readme.includes(`\`${name}\``), name)
  for (const script of Object.values(scripts)) {
    for (const [, status] of withoutComments(script.source).matchAll(/\{ '([A-Z]+)'/g)) {
      t.ok(readme.includes(`\`${status}\``), `${script.name} ${status}`)
    }
  }
})
