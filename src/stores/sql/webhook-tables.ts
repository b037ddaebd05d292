import { mysqlTable } from './mysql-table.js'

/**
 * The step that adds what webhooks need beside the audit trail. `webhook_outbox` has one row: who sends. How far the
 * trail was read is each endpoint's own, for not every instance has the same ones. The primary key of a delivery is what keeps an event from being sent twice for having been read twice.
 *
 * `due_ms` is when its turn comes while it waits, and when it was delivered or given up after that; never before `since_ms`.
 */
export const webhookTables = {
  mysql: [
    mysqlTable(
      'webhook_outbox',
      `id INT NOT NULL PRIMARY KEY,
       holder VARCHAR(32) NOT NULL,
       until_ms BIGINT NOT NULL`
    ),
    mysqlTable(
      'webhook_endpoints',
      `endpoint CHAR(16) NOT NULL PRIMARY KEY,
       gone INT NOT NULL,
       settled BIGINT NOT NULL`
    ),
    mysqlTable(
      'webhook_deliveries',
      `endpoint CHAR(16) NOT NULL,
       seq BIGINT NOT NULL,
       state VARCHAR(9) NOT NULL,
       attempts INT NOT NULL,
       due_ms BIGINT NOT NULL,
       since_ms BIGINT NOT NULL,
       answer BLOB,
       PRIMARY KEY (endpoint, seq),
       KEY webhook_deliveries_by_due (endpoint, state, due_ms)`
    )
  ],
  sqlite: [
    `CREATE TABLE webhook_outbox (
       id INTEGER NOT NULL PRIMARY KEY,
       holder TEXT NOT NULL,
       until_ms INTEGER NOT NULL
     ) STRICT`,
    `CREATE TABLE webhook_endpoints (
       endpoint TEXT NOT NULL PRIMARY KEY,
       gone INTEGER NOT NULL,
       settled INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE webhook_deliveries (
       endpoint TEXT NOT NULL,
       seq INTEGER NOT NULL,
       state TEXT NOT NULL,
       attempts INTEGER NOT NULL,
       due_ms INTEGER NOT NULL,
       since_ms INTEGER NOT NULL,
       answer BLOB,
       PRIMARY KEY (endpoint, seq)
     ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (endpoint, state, due_ms)'
  ]
}
