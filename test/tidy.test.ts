import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'
import { closeCodes, errorCodes } from '../src/protocol/codes.js'

/** Each layer, and the layers whose files it may import. The picture is in src/README.md. */
const layers: Record<string, readonly string[]> = {
  domain: [],
  protocol: ['domain'],
  stores: ['domain'],
  service: ['domain', 'protocol'],
  transport: ['domain', 'protocol', 'service'],
  webhooks: ['domain', 'protocol', 'service'],
  browser: ['protocol']
}

/** What a browser is given of the protocol; the schemas are left out, and only their types are imported. */
const bundledProtocol = 'src/protocol/codes.ts'

/** Each room of the service, from the top down: a file may import from its own room and from those below. */
const rooms = ['changing', 'upkeep', 'reading', 'live', 'lane', 'answers', 'callers', 'tools']

/** Past this a file is asked whether it is still about one subject. */
const linesMax = 420

/** Our own files: the load tests install the servers of others beside their programs. */
const walk = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true }).flatMap(entry => {
    if (entry.name === 'node_modules') return []
    return entry.isDirectory() ? walk(join(dir, entry.name)) : [join(dir, entry.name)]
  })

const layerOf = (file: string): string | undefined => {
  const first = relative('src', file).split('/')[0]!
  return first in layers ? first : undefined
}

/** Undefined: outside the service, or its `service.ts`, which puts the rooms together. */
const roomOf = (file: string): number | undefined => {
  const [layer, room, inside] = relative('src', file).split('/')
  return layer !== 'service' || inside === undefined ? undefined : rooms.indexOf(room!)
}

const sources = walk('src').filter(file => file.endsWith('.ts'))
const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map(match =>
    resolve(dirname(file), match[1]!).replace(/\.js$/, '.ts')
  )

t.test('imports point one way: a layer knows only those below it', async t => {
  for (const file of sources) {
    const from = layerOf(file)
    if (from === undefined) continue // the composition root knows every layer
    for (const target of importsOf(file)) {
      const to = layerOf(target)
      t.ok(
        to !== undefined && (to === from || layers[from]!.includes(to)),
        `${file} may import ${relative('.', target)}`
      )
    }
  }
})

t.test('the browser takes types from the protocol, and of its code the codes alone', async t => {
  const browser = sources.filter(file => layerOf(file) === 'browser')
  t.not(browser.length, 0)
  for (const file of browser) {
    const statements = readFileSync(file, 'utf8').matchAll(
      /(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/g
    )
    for (const [, type, from] of statements) {
      const ours = from!.startsWith('.')
      const target = ours ? relative('.', resolve(dirname(file), from!)).replace(/\.js$/, '.ts') : from!
      const elements = !file.startsWith('src/browser/client/') && /^lit(\/|$)/.test(target)
      const bundled = target.startsWith('src/browser/') || target === bundledProtocol || elements
      t.ok(type !== undefined || bundled, `${file} takes more than types from ${target}`)
    }
  }
})

t.test('so do the rooms of the service', async t => {
  for (const file of sources) {
    const from = roomOf(file)
    if (from === undefined) continue
    t.not(from, -1, `${file} is in a room`)
    for (const target of importsOf(file)) {
      const to = roomOf(relative('.', target))
      t.ok(to === undefined || to >= from, `${file} may import ${relative('.', target)}`)
    }
  }
})

t.test('no file imports itself in a circle', async t => {
  const settled = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    if (settled.has(file)) return
    const start = trail.indexOf(file)
    if (start >= 0)
      return void t.fail(`circle: ${[...trail.slice(start), file].map(f => relative('.', f)).join(' -> ')}`)
    for (const target of importsOf(file)) visit(target, [...trail, file])
    settled.add(file)
  }
  for (const file of sources) visit(resolve(file), [])
  t.equal(settled.size, sources.length)
})

t.test('a file is about one subject, so it stays short', async t => {
  for (const file of [...sources, ...walk('lua'), ...walk('test'), ...walk('load-tests')]) {
    if (!/\.(ts|lua)$/.test(file)) continue
    const lines = readFileSync(file, 'utf8').split('\n').length
    t.ok(lines <= linesMax, `${file} has ${lines} lines`)
  }
})

t.test('nothing is left for later and nothing is silenced', async t => {
  const marks = new RegExp(
    [
      'TO' + 'DO',
      'FIX' + 'ME',
      'XX' + 'X',
      '@ts-ig' + 'nore',
      'biome-ig' + 'nore',
      '\\bas a' + 'ny\\b',
      '\\.sk' + 'ip\\(',
      '\\.on' + 'ly\\('
    ].join('|')
  )
  for (const file of [...sources, ...walk('lua'), ...walk('test'), ...walk('load-tests')]) {
    // a lock file's checksums spell all sorts of things
    if (file.endsWith('package-lock.json')) continue
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .findIndex(text => marks.test(text))
    t.equal(line, -1, `${file}:${line + 1} has a mark`)
  }
})

t.test('every error code and close code is in the README, with what a client does about it', async t => {
  const readme = readFileSync('README.md', 'utf8')
  for (const code of Object.keys(errorCodes)) t.match(readme, `\`${code}\``)
  for (const code of Object.values(closeCodes)) t.match(readme, new RegExp(`\\| ${code} \\|`))
})

t.test('every dependency is named in the README with its reason, and none is there without use', async t => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>
  }
  const readme = readFileSync('src/README.md', 'utf8')
  const all = sources.map(file => readFileSync(file, 'utf8')).join('\n')
  for (const name of Object.keys(dependencies)) {
    t.match(readme, `\`${name}\``, `${name} is explained`)
    t.ok(new RegExp(`(from|import)\\s*\\(?'${name}(/[^']*)?'`).test(all), `${name} is imported`)
  }
})
