import t from 'tap'
import { defaultStoreSettings } from '../../../src/stores/sql/context.js'
import type { Database, Statement } from '../../../src/stores/sql/dialect.js'
import { newSqlStats } from '../../../src/stores/sql/dialect.js'
import { SqlLockStore } from '../../../src/stores/sql/lock-store.js'
import { MysqlDatabase } from '../../../src/stores/sql/mysql.js'
import { defaultMysqlTimeouts } from '../../../src/stores/sql/mysql-connection.js'
import { MariadbServer } from '../../helpers/mariadb.js'
import { calendar, grantOf } from '../lock-store-fixture.js'
import { benchOn } from './mariadb.js'
import { SetClock } from './set-clock.js'

const always = { calendar, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, entriesMax: 100 }
const isAudit = ({ text }: Statement): boolean => text.trimStart().startsWith('INSERT INTO audit')
const killed = new Error('this process was killed')

/** A sender that is killed when it has sent one transaction: whatever it would do next is never done. */
function killedAfterOne(database: Database): Database {
  let sent = false
  const asLongAsItLives = <T>(act: () => Promise<T>): Promise<T> => {
    if (sent) throw killed
    return act()
  }
  return new Proxy(database, {
    get(target, name) {
      if (name === 'transact')
        return (statements: readonly Statement[]) =>
          asLongAsItLives(() => {
            sent = true
            return target.transact(statements).then(() => Promise.reject(killed))
          })
      if (name === 'read')
        return (statements: readonly Statement[]) => asLongAsItLives(() => target.read(statements))
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
}

/** The audit trail as it is often written: when the change has been made, in a transaction of its own. */
function auditAfterwards(database: Database): Database {
  return new Proxy(database, {
    get(target, name) {
      if (name === 'transact')
        return async (statements: readonly Statement[]) => {
          const outcome = await target.transact(statements.filter(statement => !isAudit(statement)))
          await target.transact(statements.filter(isAudit))
          return outcome
        }
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
}

t.test('the audit trail and the change it tells of are one transaction', async t => {
  const server = await MariadbServer.start()
  t.teardown(() => server.stop())
  const bench = await benchOn(t, server)
  const store = await bench.open()
  const stats = newSqlStats()
  const database = new MysqlDatabase(bench.url, {
    ...defaultMysqlTimeouts,
    clock: new SetClock(),
    random: Math.random,
    connectionsMax: 2,
    waitersMax: 10,
    stats
  })
  t.teardown(() => database.close())
  const over = (sender: Database): SqlLockStore => new SqlLockStore(sender, stats, defaultStoreSettings)
  await database.ping()

  await t.test('whoever is killed right after a grant leaves its entry', async t => {
    const request = grantOf()
    await t.rejects(over(killedAfterOne(database)).grant(request), killed)
    t.match(await store.readLock(request.lock), { state: 'held' })
    t.match(await store.readAudit(always), [{ type: 'locked', lock: request.lock }])
  })

  await t.test('twin: written afterwards, the entry of that grant is lost for good', async t => {
    const request = grantOf({
      calendar: always.calendar,
      slots: grantOf().slots.map(slot => slot.replace('08', '09') as typeof slot)
    })
    await t.rejects(over(auditAfterwards(killedAfterOne(database))).grant(request), killed)
    t.match(await store.readLock(request.lock), { state: 'held' })
    t.match(await store.grant(request), { status: 'REPLAYED' }, 'asking again does not bring it back')
    const told = (await store.readAudit(always)).map(({ lock }) => lock)
    t.notOk(told.includes(request.lock), 'a lock that nobody can account for')
  })
})
