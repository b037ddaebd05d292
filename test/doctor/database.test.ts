import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/app.js'
import { judgeMysql } from '../../src/stores/sql/inspect-mysql.js'
import { openMysqlStore } from '../../src/stores/sql/open-mysql.js'
import { openSqliteStore } from '../../src/stores/sql/open-sqlite.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { clockSetBack, hints, lookAtDatabase, troubles } from './patients.js'

t.setTimeout(300_000)

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const root = await server.connect()
t.teardown(() => root.end())
const set = (text: string): Promise<unknown> => root.query(text)
const url = server.url()
const look = (mysqlUrl = url) => lookAtDatabase({ MYSQL_URL: mysqlUrl })

t.test('an empty database has no tables', async t => {
  t.strictSame(troubles(await look()), ['schema-missing'])
})

t.test('a good database: nothing to do, and nothing is left behind', async t => {
  const store = await openMysqlStore(url, { clock: systemClock, random: Math.random })
  await store.migrate()
  await store.close()
  const examined = await look()
  t.strictSame(troubles(examined), [])
  t.match(examined.facts[0], /^M(ariaDB|ySQL) \d/)
  t.ok(examined.facts.some(fact => fact.includes('granted, defended, extended and released')))
  for (const table of ['calendars', 'locks', 'slots', 'audit']) {
    const [rows] = await root.query(`SELECT COUNT(*) AS count FROM ${table}`)
    t.match(rows, [{ count: 0 }], table)
  }
})

t.test('what is set wrongly on a database that works', async t => {
  await set('SET GLOBAL innodb_flush_log_at_trx_commit = 2')
  t.strictSame(troubles(await look()), ['database-not-durable'])
  await set('SET GLOBAL innodb_flush_log_at_trx_commit = 1')

  await set('SET GLOBAL max_connections = 11')
  t.strictSame(troubles(await look()), ['database-few-connections'])
  await set('SET GLOBAL max_connections = 200')

  await set("SET GLOBAL sql_mode = ''")
  const lenient = await look()
  t.strictSame(troubles(lenient), [])
  t.ok(hints(lenient).includes('database-lenient'), 'a hint: our own sessions are strict')
  await set("SET GLOBAL sql_mode = 'STRICT_TRANS_TABLES'")

  const ahead = await lookAtDatabase({ MYSQL_URL: url }, clockSetBack(60_000))
  t.strictSame(troubles(ahead), ['database-clock'])
})

t.test('a database that cannot be used, each way by its name', async t => {
  await set('ALTER TABLE selections ENGINE=MyISAM')
  t.strictSame(troubles(await look()), ['database-engine'])
  await set('ALTER TABLE selections ENGINE=InnoDB')

  await set('INSERT INTO slotlock_schema VALUES (99, 0)')
  t.strictSame(troubles(await look()), ['schema-newer'])
  await set('DELETE FROM slotlock_schema WHERE version = 99')

  await set('SET GLOBAL read_only = 1')
  t.strictSame(troubles(await look()), ['database-read-only'])
  await set('SET GLOBAL read_only = 0')

  await set("CREATE USER reader@'%' IDENTIFIED BY 'pass'; GRANT SELECT ON slotlock.* TO reader")
  const as = (who: string): string => url.replace('root@', `${who}@`)
  t.strictSame(troubles(await look(as('reader:pass'))), ['database-rights'])
  t.strictSame(troubles(await look(as('reader:wrong'))), ['database-login'])
  t.strictSame(troubles(await look(server.url('elsewhere'))), ['database-missing'])
  t.strictSame(
    troubles(await lookAtDatabase({ MYSQL_URL: url, MYSQL_TLS: 'verify-ca' })),
    ['database-tls'],
    'the server has no TLS'
  )
  server.freeze()
  t.strictSame(troubles(await look()), ['database-unreachable'], 'frozen')
  server.thaw()
  t.strictSame(troubles(await look('mysql://root@127.0.0.1:1/slotlock')), ['database-unreachable'])
})

t.test('what no server here can be made to say is judged all the same', async t => {
  const facts = {
    version: '8.0.36',
    sessionMode: 'STRICT_ALL_TABLES',
    variables: new Map([
      ['sql_mode', 'STRICT_TRANS_TABLES'],
      ['max_connections', '151'],
      ['max_allowed_packet', '16777216']
    ]),
    connectionsNow: 1,
    engines: new Map([['locks', 'InnoDB']]),
    schemaVersion: 1
  }
  const codesWith = (change: object, variables: [string, string][] = []): string[] =>
    judgeMysql({ ...facts, ...change, variables: new Map([...facts.variables, ...variables]) }, 10)
      .map(({ code }) => code)
      .filter(code => !code.startsWith('schema-'))
  t.strictSame(codesWith({}), [])
  t.strictSame(codesWith({ sessionMode: '' }), ['database-session-lenient'])
  t.strictSame(
    codesWith({}, [
      ['log_bin', 'ON'],
      ['sync_binlog', '0']
    ]),
    ['database-binlog-not-synced']
  )
  t.strictSame(
    codesWith({}, [
      ['log_bin', 'ON'],
      ['sync_binlog', '1']
    ]),
    []
  )
  t.strictSame(codesWith({}, [['innodb_doublewrite', 'OFF']]), ['database-torn-pages'])
  t.strictSame(codesWith({}, [['innodb_deadlock_detect', 'OFF']]), ['database-deadlock-detect'])
  t.strictSame(codesWith({}, [['max_allowed_packet', '65536']]), ['database-small-packets'])
  t.strictSame(codesWith({}, [['max_user_connections', '5']]), ['database-few-connections'])
})

t.test('the embedded database', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-doctor-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.strictSame(troubles(await lookAtDatabase({ SLOTLOCK_DATA: folder })), ['schema-missing'])
  const store = await openSqliteStore(join(folder, 'slotlock.db'), { clock: systemClock })
  await store.migrate()
  await store.close()
  const examined = await lookAtDatabase({ SLOTLOCK_DATA: folder })
  t.strictSame(troubles(examined), [])
  t.ok(examined.facts.some(fact => fact.includes('granted, defended')))
})
