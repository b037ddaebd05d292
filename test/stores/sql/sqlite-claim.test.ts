import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import { claimFolder } from '../../../src/stores/sql/sqlite-claim.js'

t.test('a data folder serves one instance, and is free again when that one has gone', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-claim-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const giveBack = claimFolder(folder)
  t.throws(
    () => claimFolder(folder),
    new StoreUnavailable(
      `another slotlock is running on ${folder}. The embedded database serves one instance: stop that one, give this one a folder of its own (SLOTLOCK_DATA), or set MYSQL_URL for both`
    )
  )
  giveBack()
  claimFolder(folder)()
})
