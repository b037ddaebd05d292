import t from 'tap'
import type { StoreSettings } from '../../../src/stores/sql/context.js'
import { openMysqlStore } from '../../../src/stores/sql/open-mysql.js'
import { MariadbServer } from '../../helpers/mariadb.js'
import { lockStoreContract } from '../lock-store-contract.js'
import { agedBy } from './aged.js'
import { SetClock } from './set-clock.js'

t.test('MariaDB keeps the promises of the port', async t => {
  const server = await MariadbServer.start()
  t.teardown(() => server.stop())
  let count = 0
  lockStoreContract(t, async () => {
    count += 1
    const name = `contract${count}`
    const url = await server.createDatabase(name)
    const open = (settings: Partial<StoreSettings> = {}) =>
      openMysqlStore(url, { clock: new SetClock(), random: Math.random, ...patience, ...settings })
    const stores = [await open()]
    await stores[0]!.migrate()
    const look = await server.connect(name)
    return {
      store: stores[0]!,
      another: async settings => {
        const store = await open(settings)
        await store.ping()
        stores.push(store)
        return store
      },
      age: ms => agedBy(look, ms),
      close: async () => {
        await Promise.all(stores.map(store => store.close()))
        await look.end()
      }
    }
  })
})

/** These tests are about what is promised, not about how soon; a busy machine must not fail them. */
const patience = {
  acquireTimeoutMs: 10_000,
  queryTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  deadlineMs: 10_000
}
