import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

t.test('every attack in the README’s table names where it is tried', t => {
  const [, table] = readFileSync('README.md', 'utf8').split('| attack | outcome | shown by |\n')
  const rows = table!.split('\n\n')[0]!.split('\n').slice(1)
  t.ok(rows.length > 15)
  let folder = ''
  for (const row of rows) {
    const cells = row.slice(1, -1).split(' | ')
    t.equal(cells.length, 3, row)
    // a name without a folder is in that of the one before
    for (const [, name] of cells[2]!.matchAll(/`([^`]+)`/g)) {
      const path = name!.startsWith('test/') ? name! : join(folder, name!)
      folder = dirname(path)
      t.ok(existsSync(path), path)
    }
    t.ok(/`|–/.test(cells[2]!), row)
  }
  t.end()
})
