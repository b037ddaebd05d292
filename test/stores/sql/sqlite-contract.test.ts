import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { lockStoreContract } from '../lock-store-contract.js'
import { SetClock } from './set-clock.js'

/** These tests are about what is promised, not about how soon; a busy machine must not fail them. */
const deadlineMs = 30_000

t.test('SQLite in a file keeps the promises of the port', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-sqlite-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  let count = 0
  lockStoreContract(t, async () => {
    const clock = new SetClock()
    count += 1
    const path = join(folder, `${count}.db`)
    const stores = [await openSqliteStore(path, { clock, deadlineMs })]
    await stores[0]!.migrate()
    return {
      store: stores[0]!,
      another: async settings => {
        const store = await openSqliteStore(path, { clock, deadlineMs, ...settings })
        stores.push(store)
        return store
      },
      age: async ms => clock.pass(ms),
      close: async () => void (await Promise.all(stores.map(store => store.close())))
    }
  })
})

t.test('SQLite in memory keeps the promises of the port', async t => {
  lockStoreContract(t, async () => {
    const clock = new SetClock()
    const store = await openSqliteStore(':memory:', { clock, deadlineMs })
    await store.migrate()
    return { store, age: async ms => clock.pass(ms), close: () => store.close() }
  })
})
