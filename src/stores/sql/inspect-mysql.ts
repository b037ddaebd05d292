import type { Finding } from '../../domain/finding.js'
import type { Row } from './dialect.js'
import { migrations } from './migrations.js'

/** What a MySQL or MariaDB says of itself, and what of it may hurt. */
export interface MysqlFacts {
  /** `10.11.6-MariaDB`, `8.0.36`. */
  version: string
  /** Of the session, as slotlock set it up. */
  sessionMode: string
  variables: ReadonlyMap<string, string>
  connectionsNow: number
  /** Of this database's tables, by name. */
  engines: ReadonlyMap<string, string>
  /** undefined: there are no tables yet. */
  schemaVersion: number | undefined
}

const variableNames = [
  ...[
    'innodb_flush_log_at_trx_commit',
    'innodb_doublewrite',
    'innodb_deadlock_detect',
    'log_bin',
    'sync_binlog'
  ],
  ...['read_only', 'max_connections', 'max_user_connections', 'sql_mode', 'max_allowed_packet']
]
const ourTables = [
  'calendars',
  'locks',
  'slots',
  'bookings',
  'selections',
  'audit',
  'revoked_sessions',
  'slotlock_schema'
]
/** A packet of slotlock is a tenth of it at most. */
const packetBytesMin = 1_048_576

/** Changes nothing, and needs no right beyond those on the tables. Rejects with what `read` rejects with. */
export async function readMysqlFacts(read: (text: string) => Promise<unknown>): Promise<MysqlFacts> {
  const [own] = (await read('SELECT VERSION() AS version, @@SESSION.sql_mode AS mode')) as [Row]
  const variables = (await read(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${variableNames.map(name => `'${name}'`).join(', ')})`
  )) as Row[]
  const [threads] = (await read("SHOW GLOBAL STATUS LIKE 'Threads_connected'")) as [Row]
  const tables = (await read(
    'SELECT table_name AS name, engine AS engine FROM information_schema.tables WHERE table_schema = DATABASE()'
  )) as Row[]
  const engines = new Map(
    tables
      .map(row => [String(row.name), String(row.engine)] as const)
      .filter(([name]) => ourTables.includes(name))
  )
  const [schema] = engines.has('slotlock_schema')
    ? ((await read('SELECT COALESCE(MAX(version), 0) AS version FROM slotlock_schema')) as [Row])
    : []
  return {
    version: String(own.version),
    sessionMode: String(own.mode),
    variables: new Map(variables.map(row => [String(row.Variable_name), String(row.Value)])),
    connectionsNow: Number(threads.Value),
    engines,
    schemaVersion: schema === undefined ? undefined : Number(schema.version)
  }
}

/** `MariaDB 10.11.6`, `MySQL 8.0.36`. */
export function serverName({ version }: MysqlFacts): string {
  const number = /^[\d.]+/.exec(version)?.[0] ?? version
  return `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${number}`
}

/** `connectionsMax`: what one instance may open. */
export function judgeMysql(facts: MysqlFacts, connectionsMax: number): Finding[] {
  return [
    ...schemaFindings(facts),
    ...strictnessFindings(facts),
    ...durabilityFindings(facts.variables),
    ...roomFindings(facts, connectionsMax)
  ]
}

function schemaFindings({ schemaVersion, engines }: MysqlFacts): Finding[] {
  const findings: Finding[] = []
  const known = migrations.length
  if (schemaVersion === undefined || schemaVersion === 0) {
    findings.push({
      code: 'schema-missing',
      severity: 'critical',
      what: 'the database has no tables of slotlock',
      do: 'run `slotlock migrate`, with an account that may CREATE, ALTER and INDEX'
    })
  } else if (schemaVersion < known) {
    findings.push({
      code: 'schema-old',
      severity: 'critical',
      what: `the tables are of schema version ${schemaVersion}, this slotlock needs ${known}`,
      do: 'run `slotlock migrate`; instances of the version before go on working meanwhile'
    })
  } else if (schemaVersion > known) {
    findings.push({
      code: 'schema-newer',
      severity: 'critical',
      what: `the tables are of schema version ${schemaVersion}, this slotlock knows ${known}`,
      do: 'start the newer slotlock, or give this one a database of its own'
    })
  }
  const others = [...engines].filter(([, engine]) => engine !== 'InnoDB').map(([name]) => name)
  if (others.length > 0) {
    findings.push({
      code: 'database-engine',
      severity: 'critical',
      what: `not in InnoDB, so without transactions: ${others.join(', ')}`,
      do: `ALTER TABLE ${others[0]} ENGINE=InnoDB, and so on, while no instance runs`
    })
  }
  return findings
}

function strictnessFindings({ sessionMode, variables }: MysqlFacts): Finding[] {
  if (!/STRICT_(ALL|TRANS)_TABLES/.test(sessionMode)) {
    return [
      {
        code: 'database-session-lenient',
        severity: 'critical',
        what: 'the session is not strict although slotlock asked for it: something between us forgets what a session is told',
        do: 'connect to the server itself, or set the proxy in front of it to keep sessions apart'
      }
    ]
  }
  if (!/STRICT_(ALL|TRANS)_TABLES/.test(variables.get('sql_mode') ?? '')) {
    return [
      {
        code: 'database-lenient',
        severity: 'info',
        what: 'the server is not strict by default; sessions of slotlock are',
        do: 'nothing for slotlock; sql_mode=STRICT_TRANS_TABLES protects the other users of the server'
      }
    ]
  }
  return []
}

function durabilityFindings(variables: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = []
  if (variables.get('read_only')?.toUpperCase() === 'ON') {
    findings.push({
      code: 'database-read-only',
      severity: 'critical',
      what: 'the server is read-only: a replica, or a primary that was taken out of service',
      do: 'let MYSQL_URL name the primary'
    })
  }
  const flush = variables.get('innodb_flush_log_at_trx_commit')
  if (flush !== undefined && flush !== '1') {
    findings.push({
      code: 'database-not-durable',
      severity: 'warning',
      what: `innodb_flush_log_at_trx_commit is ${flush}: when the machine stops, the locks and bookings of the last second are gone`,
      do: 'set innodb_flush_log_at_trx_commit=1'
    })
  }
  if (variables.get('log_bin')?.toUpperCase() === 'ON' && variables.get('sync_binlog') !== '1') {
    findings.push({
      code: 'database-binlog-not-synced',
      severity: 'warning',
      what: `sync_binlog is ${variables.get('sync_binlog')}: when the machine stops, replicas may lack what was acknowledged, or have more`,
      do: 'set sync_binlog=1'
    })
  }
  if (variables.get('innodb_doublewrite')?.toUpperCase() === 'OFF') {
    findings.push({
      code: 'database-torn-pages',
      severity: 'warning',
      what: 'innodb_doublewrite is off: a page that is half written when the machine stops is lost',
      do: 'set innodb_doublewrite=ON, unless the file system writes whole pages'
    })
  }
  if (variables.get('innodb_deadlock_detect')?.toUpperCase() === 'OFF') {
    findings.push({
      code: 'database-deadlock-detect',
      severity: 'warning',
      what: 'innodb_deadlock_detect is off: a deadlock holds everybody in it up for a second',
      do: 'set innodb_deadlock_detect=ON'
    })
  }
  return findings
}

function roomFindings({ variables, connectionsNow }: MysqlFacts, connectionsMax: number): Finding[] {
  const findings: Finding[] = []
  const allowed = [variables.get('max_connections'), variables.get('max_user_connections')]
    .map(Number)
    .filter(max => max > 0)
  const free = Math.min(...allowed) - connectionsNow
  if (free < connectionsMax) {
    findings.push({
      code: 'database-few-connections',
      severity: 'warning',
      what: `the server has room for ${Math.max(0, free)} connections more, an instance opens up to ${connectionsMax}`,
      do: 'raise max_connections, or lower MYSQL_CONNECTIONS_MAX: two to four per core of the database, over all instances, is plenty'
    })
  }
  const packet = Number(variables.get('max_allowed_packet'))
  if (packet < packetBytesMin) {
    findings.push({
      code: 'database-small-packets',
      severity: 'warning',
      what: `max_allowed_packet is ${packet} bytes: a large calendar or a full lock may not fit`,
      do: 'set max_allowed_packet=16M'
    })
  }
  return findings
}
