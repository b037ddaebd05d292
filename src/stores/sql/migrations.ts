import type { DatabaseSync } from '@photostructure/sqlite'
import { StoreContractError } from '../../domain/errors.js'
import { mysqlTable } from './mysql-table.js'
import { webhookTables } from './webhook-tables.js'

/**
 * The tables, as numbered steps that are never edited once released: a change is a new step.
 *
 * Ids are ASCII and compared byte by byte. Free text (names, notes, reasons, user agents) is kept as bytes, so that
 * no connection's character set and no collation has a say in it. `slots` of a lock or booking is the sorted ids,
 * joined by commas; an id contains none.
 *
 * MySQL commits each DDL statement on its own, so a step may be found half done: every statement of a step must bear
 * being run again.
 */
export interface Migration {
  mysql: string[]
  sqlite: string[]
}

export const migrations: Migration[] = [
  {
    mysql: [
      mysqlTable(
        'calendars',
        `id VARCHAR(63) NOT NULL PRIMARY KEY,
         definition MEDIUMBLOB NOT NULL,
         updated_ms BIGINT NOT NULL`
      ),
      mysqlTable(
        'locks',
        `id CHAR(22) NOT NULL PRIMARY KEY,
         calendar VARCHAR(63) NOT NULL,
         owner CHAR(22) NOT NULL,
         slots TEXT NOT NULL,
         slot_count INT NOT NULL,
         state VARCHAR(8) NOT NULL,
         fingerprint VARCHAR(128) NOT NULL,
         fence BIGINT NOT NULL,
         ver BIGINT NOT NULL,
         change_id VARCHAR(32) NOT NULL,
         created_ms BIGINT NOT NULL,
         expires_ms BIGINT NOT NULL,
         updated_ms BIGINT NOT NULL,
         reason BLOB,
         address BLOB,
         user_agent BLOB,
         KEY locks_by_owner (owner, state, expires_ms),
         KEY locks_by_calendar (calendar, state, expires_ms),
         KEY locks_by_end (state, expires_ms),
         KEY locks_by_change (updated_ms)`
      ),
      mysqlTable(
        'slots',
        `calendar VARCHAR(63) NOT NULL,
         slot VARCHAR(96) NOT NULL,
         start_ms BIGINT NOT NULL,
         state VARCHAR(8) NOT NULL,
         owner VARCHAR(22) NOT NULL,
         token VARCHAR(22) NOT NULL,
         ver BIGINT NOT NULL,
         expires_ms BIGINT NOT NULL,
         updated_ms BIGINT NOT NULL,
         PRIMARY KEY (calendar, slot),
         KEY slots_by_calendar_start (calendar, start_ms),
         KEY slots_by_start (state, start_ms),
         KEY slots_by_change (updated_ms, calendar)`
      ),
      mysqlTable(
        'bookings',
        `id CHAR(22) NOT NULL PRIMARY KEY,
         lock_id CHAR(22) NOT NULL,
         calendar VARCHAR(63) NOT NULL,
         owner CHAR(22) NOT NULL,
         slots TEXT NOT NULL,
         customer BLOB NOT NULL,
         meta BLOB,
         fingerprint VARCHAR(128) NOT NULL,
         state VARCHAR(9) NOT NULL,
         ver BIGINT NOT NULL,
         change_id VARCHAR(32) NOT NULL,
         booked_ms BIGINT NOT NULL,
         updated_ms BIGINT NOT NULL,
         UNIQUE KEY bookings_by_lock (lock_id),
         KEY bookings_by_calendar (calendar, booked_ms)`
      ),
      mysqlTable(
        'selections',
        `calendar VARCHAR(63) NOT NULL,
         viewer VARCHAR(64) NOT NULL,
         slot VARCHAR(96) NOT NULL,
         seq BIGINT NOT NULL,
         expires_ms BIGINT NOT NULL,
         updated_ms BIGINT NOT NULL,
         PRIMARY KEY (calendar, viewer),
         KEY selections_by_change (updated_ms),
         KEY selections_by_end (expires_ms)`
      )
    ],
    sqlite: [
      `CREATE TABLE calendars (
         id TEXT NOT NULL PRIMARY KEY,
         definition BLOB NOT NULL,
         updated_ms INTEGER NOT NULL
       ) STRICT, WITHOUT ROWID`,
      `CREATE TABLE locks (
         id TEXT NOT NULL PRIMARY KEY,
         calendar TEXT NOT NULL,
         owner TEXT NOT NULL,
         slots TEXT NOT NULL,
         slot_count INTEGER NOT NULL,
         state TEXT NOT NULL,
         fingerprint TEXT NOT NULL,
         fence INTEGER NOT NULL,
         ver INTEGER NOT NULL,
         change_id TEXT NOT NULL,
         created_ms INTEGER NOT NULL,
         expires_ms INTEGER NOT NULL,
         updated_ms INTEGER NOT NULL,
         reason BLOB,
         address BLOB,
         user_agent BLOB
       ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX locks_by_owner ON locks (owner, state, expires_ms)',
      'CREATE INDEX locks_by_calendar ON locks (calendar, state, expires_ms)',
      'CREATE INDEX locks_by_end ON locks (state, expires_ms)',
      'CREATE INDEX locks_by_change ON locks (updated_ms)',
      `CREATE TABLE slots (
         calendar TEXT NOT NULL,
         slot TEXT NOT NULL,
         start_ms INTEGER NOT NULL,
         state TEXT NOT NULL,
         owner TEXT NOT NULL,
         token TEXT NOT NULL,
         ver INTEGER NOT NULL,
         expires_ms INTEGER NOT NULL,
         updated_ms INTEGER NOT NULL,
         PRIMARY KEY (calendar, slot)
       ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX slots_by_calendar_start ON slots (calendar, start_ms)',
      'CREATE INDEX slots_by_start ON slots (state, start_ms)',
      'CREATE INDEX slots_by_change ON slots (updated_ms, calendar)',
      `CREATE TABLE bookings (
         id TEXT NOT NULL PRIMARY KEY,
         lock_id TEXT NOT NULL UNIQUE,
         calendar TEXT NOT NULL,
         owner TEXT NOT NULL,
         slots TEXT NOT NULL,
         customer BLOB NOT NULL,
         meta BLOB,
         fingerprint TEXT NOT NULL,
         state TEXT NOT NULL,
         ver INTEGER NOT NULL,
         change_id TEXT NOT NULL,
         booked_ms INTEGER NOT NULL,
         updated_ms INTEGER NOT NULL
       ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX bookings_by_calendar ON bookings (calendar, booked_ms)',
      `CREATE TABLE selections (
         calendar TEXT NOT NULL,
         viewer TEXT NOT NULL,
         slot TEXT NOT NULL,
         seq INTEGER NOT NULL,
         expires_ms INTEGER NOT NULL,
         updated_ms INTEGER NOT NULL,
         PRIMARY KEY (calendar, viewer)
       ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX selections_by_change ON selections (updated_ms)',
      'CREATE INDEX selections_by_end ON selections (expires_ms)'
    ]
  },
  {
    mysql: [
      mysqlTable(
        'audit',
        `id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
         calendar VARCHAR(63) NOT NULL,
         at_ms BIGINT NOT NULL,
         type VARCHAR(9) NOT NULL,
         slots TEXT NOT NULL,
         ver BIGINT NOT NULL,
         change_id VARCHAR(32) NOT NULL,
         lock_id VARCHAR(22) NOT NULL,
         booking_id VARCHAR(22) NOT NULL,
         owner VARCHAR(22) NOT NULL,
         fence BIGINT NOT NULL,
         expires_ms BIGINT NOT NULL,
         actor VARCHAR(8) NOT NULL,
         actor_session VARCHAR(22) NOT NULL,
         actor_address BLOB,
         reason BLOB,
         KEY audit_by_calendar (calendar, at_ms)`
      )
    ],
    sqlite: [
      // ids go on from the greatest one, which the purge leaves; AUTOINCREMENT would cost every commit a page more
      `CREATE TABLE audit (
         id INTEGER NOT NULL PRIMARY KEY,
         calendar TEXT NOT NULL,
         at_ms INTEGER NOT NULL,
         type TEXT NOT NULL,
         slots TEXT NOT NULL,
         ver INTEGER NOT NULL,
         change_id TEXT NOT NULL,
         lock_id TEXT NOT NULL,
         booking_id TEXT NOT NULL,
         owner TEXT NOT NULL,
         fence INTEGER NOT NULL,
         expires_ms INTEGER NOT NULL,
         actor TEXT NOT NULL,
         actor_session TEXT NOT NULL,
         actor_address BLOB,
         reason BLOB
       ) STRICT`,
      'CREATE INDEX audit_by_calendar ON audit (calendar, at_ms)'
    ]
  },
  {
    mysql: [
      mysqlTable(
        'revoked_sessions',
        `session VARCHAR(22) NOT NULL PRIMARY KEY,
         revoked_ms BIGINT NOT NULL,
         until_ms BIGINT NOT NULL,
         actor VARCHAR(8) NOT NULL,
         actor_session VARCHAR(22) NOT NULL,
         KEY revoked_sessions_by_time (revoked_ms),
         KEY revoked_sessions_by_end (until_ms)`
      )
    ],
    sqlite: [
      `CREATE TABLE revoked_sessions (
         session TEXT NOT NULL PRIMARY KEY,
         revoked_ms INTEGER NOT NULL,
         until_ms INTEGER NOT NULL,
         actor TEXT NOT NULL,
         actor_session TEXT NOT NULL
       ) STRICT, WITHOUT ROWID`,
      'CREATE INDEX revoked_sessions_by_time ON revoked_sessions (revoked_ms)',
      'CREATE INDEX revoked_sessions_by_end ON revoked_sessions (until_ms)'
    ]
  },
  webhookTables,
  {
    // under which keys there is customer data, so that a start without one of them is noticed
    mysql: [mysqlTable('customer_keys', 'id CHAR(8) NOT NULL PRIMARY KEY, since_ms BIGINT NOT NULL')],
    sqlite: [
      'CREATE TABLE customer_keys (id TEXT NOT NULL PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID'
    ]
  }
]

export const schemaTable = {
  mysql: mysqlTable('slotlock_schema', 'version INT NOT NULL PRIMARY KEY, applied_ms BIGINT NOT NULL'),
  sqlite:
    'CREATE TABLE IF NOT EXISTS slotlock_schema (version INTEGER NOT NULL PRIMARY KEY, applied_ms INTEGER NOT NULL) STRICT'
}

export const readSchemaVersion = 'SELECT COALESCE(MAX(version), 0) AS version FROM slotlock_schema'

/** The steps still to do. Throws StoreContractError when the tables were made by a later slotlock than this one. */
export function stepsAfter(version: number): { version: number; step: Migration }[] {
  if (version > migrations.length) {
    throw new StoreContractError(
      `the tables are of schema version ${version}, and this slotlock knows versions up to ${migrations.length}: ` +
        'start the newer slotlock, or give this one a database of its own'
    )
  }
  return migrations.slice(version).map((step, index) => ({ version: version + index + 1, step }))
}

/** All steps in one transaction: SQLite's DDL can be rolled back. */
export function migrateSqlite(connection: InstanceType<typeof DatabaseSync>, nowMs: number): void {
  connection.exec('BEGIN IMMEDIATE')
  try {
    connection.exec(schemaTable.sqlite)
    const { version } = connection.prepare(readSchemaVersion).get() as { version: number }
    const applied = connection.prepare('INSERT INTO slotlock_schema (version, applied_ms) VALUES (?, ?)')
    for (const { version: next, step } of stepsAfter(version)) {
      for (const statement of step.sqlite) connection.exec(statement)
      applied.run(next, nowMs)
    }
    connection.exec('COMMIT')
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK')
    throw error
  }
}
