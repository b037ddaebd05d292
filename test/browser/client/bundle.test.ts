import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { requireBuilt } from '../../helpers/instance.js'

/** What a page downloads for it. */
const gzippedBytesMax = 8_192

requireBuilt()
const bundle = readFileSync('dist/client/index.js')

t.test(`the bundle is at most ${gzippedBytesMax} bytes, gzipped`, async t => {
  const { length } = gzipSync(bundle, { level: 9 })
  t.ok(length <= gzippedBytesMax, `${length} bytes`)
})

t.test('it is whole: nothing is imported, neither of Node nor of a package', async t => {
  t.notMatch(String(bundle), /\bimport\b\s*[({"'*]|\bfrom\s*["']|\brequire\(/)
})

t.test('the package gives it out by its name, with its types', async t => {
  const name: string = 'slotlock/client'
  const { SlotlockClient, SlotlockError } = await import(name)
  const client = new SlotlockClient({ url: 'https://book.example/' })
  t.equal(client.status, 'closed')
  t.ok(new SlotlockError({ code: 'BUSY', message: 'busy' }) instanceof Error)
  t.match(readFileSync('dist/browser/client/index.d.ts', 'utf8'), 'SlotlockClient')
})

t.test('nothing happens while it is imported or made: a page may be rendered on a server', async t => {
  t.notMatch(String(bundle), /\b(document|window|navigator)\./)
})
