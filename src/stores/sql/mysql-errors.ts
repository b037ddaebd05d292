import {
  OutcomeUnknown,
  StoreBusy,
  StoreContractError,
  type StoreError,
  StoreUnavailable
} from '../../domain/errors.js'

/**
 * What an error of the driver means. By number, never by name: MariaDB and MySQL give some numbers different names,
 * and the driver knows only one of them.
 */
export type Failure =
  | 'duplicate'
  | 'refused'
  /** Rolled back by the server; the same packet may go again. */
  | 'deadlock'
  | 'busy'
  /** The server answers, but cannot work, or not for us. The connection is of no use. */
  | 'unavailable'
  /** The statement was cut off, or the connection was, and how far it had come is not known. */
  | 'lost'
  /** A statement the server does not accept: a bug. */
  | 'contract'

const failures = new Map<number, Failure>([
  [1062, 'duplicate'], // ER_DUP_ENTRY
  [1048, 'refused'], // ER_BAD_NULL_ERROR
  [1213, 'deadlock'], // ER_LOCK_DEADLOCK
  [1020, 'deadlock'], // ER_CHECKREAD: MariaDB's snapshot isolation
  [1205, 'busy'], // ER_LOCK_WAIT_TIMEOUT
  [1290, 'unavailable'], // ER_OPTION_PREVENTS_STATEMENT: --read-only
  [1792, 'unavailable'], // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
  [1836, 'unavailable'], // ER_READ_ONLY_MODE
  [3100, 'unavailable'], // ER_RUN_HOOK_ERROR: Group Replication refuses the transaction
  [1047, 'unavailable'], // ER_UNKNOWN_COM_ERROR: Galera, "WSREP has not yet prepared node"
  [1021, 'unavailable'], // ER_DISK_FULL
  [1041, 'unavailable'], // ER_OUT_OF_RESOURCES
  [1030, 'unavailable'], // ER_GET_ERRNO
  [1026, 'unavailable'], // ER_ERROR_ON_WRITE
  [1114, 'unavailable'], // ER_RECORD_FILE_FULL
  [1037, 'unavailable'], // ER_OUTOFMEMORY
  [1040, 'unavailable'], // ER_CON_COUNT_ERROR
  [1203, 'unavailable'], // ER_TOO_MANY_USER_CONNECTIONS
  [1226, 'unavailable'], // ER_USER_LIMIT_REACHED
  [1044, 'unavailable'], // ER_DBACCESS_DENIED_ERROR
  [1045, 'unavailable'], // ER_ACCESS_DENIED_ERROR
  [1049, 'unavailable'], // ER_BAD_DB_ERROR
  [1129, 'unavailable'], // ER_HOST_IS_BLOCKED
  [1130, 'unavailable'], // ER_HOST_NOT_PRIVILEGED
  [1142, 'unavailable'], // ER_TABLEACCESS_DENIED_ERROR
  [1146, 'unavailable'], // ER_NO_SUCH_TABLE: not migrated yet
  [1698, 'unavailable'], // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
  // cut off from outside; if it was in the COMMIT, what came of it is not known
  [1053, 'lost'], // ER_SERVER_SHUTDOWN
  [1180, 'lost'], // ER_ERROR_DURING_COMMIT
  [1317, 'lost'], // ER_QUERY_INTERRUPTED
  [1927, 'lost'], // ER_CONNECTION_KILLED
  [1969, 'lost'], // ER_STATEMENT_TIMEOUT, MariaDB's max_statement_time
  [3024, 'lost'], // ER_QUERY_TIMEOUT, MySQL's max_execution_time
  [3169, 'lost'], // ER_SESSION_WAS_KILLED
  [4031, 'lost'] // ER_CLIENT_INTERACTION_TIMEOUT
])

/** Made by the query timer of this folder. */
export class QueryTimeout extends Error {}

export function failureOf(error: unknown): Failure {
  if (error instanceof QueryTimeout || !(error instanceof Error)) return 'lost'
  const { errno, fatal, sqlState } = error as { errno?: unknown; fatal?: unknown; sqlState?: unknown }
  // errors of the socket have a negative errno, errors of the protocol none: in both cases the connection is gone
  if (typeof errno !== 'number' || errno < 0) return 'lost'
  const known = failures.get(errno)
  if (known !== undefined) return known
  return fatal === true || sqlState === undefined ? 'lost' : 'contract'
}

/** Is the connection it happened on still good for the next request, once rolled back? */
export function keepsConnection(failure: Failure): boolean {
  switch (failure) {
    case 'duplicate':
    case 'refused':
    case 'deadlock':
    case 'busy':
    case 'contract':
      return true
    case 'unavailable':
    case 'lost':
      return false
    default:
      return failure satisfies never
  }
}

/** For a request that was sent. `writes`: it might have changed something. */
export function storeErrorOf(error: unknown, writes: boolean): StoreError {
  const failure = failureOf(error)
  forgetStatement(error)
  const said = error instanceof Error ? error.message : String(error)
  switch (failure) {
    case 'deadlock':
    case 'busy':
      return new StoreBusy(`the database had no room: ${said}`, { cause: error })
    case 'unavailable':
      return new StoreUnavailable(`the database refuses to work: ${said}`, { cause: error, reason: 'other' })
    case 'lost':
      return writes
        ? new OutcomeUnknown(`the database's answer was lost: ${said}`, { cause: error })
        : new StoreUnavailable(`the database did not answer: ${said}`, {
            cause: error,
            reason: error instanceof QueryTimeout ? 'timeout' : 'connection'
          })
    case 'duplicate':
    case 'refused':
    case 'contract':
      return new StoreContractError(`the database refused a statement: ${said}`, { cause: error })
    default:
      return failure satisfies never
  }
}

/** For a connection that did not come about: nothing was sent. */
export function connectError(error: unknown): StoreUnavailable {
  const said =
    error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error)
  return new StoreUnavailable(`cannot connect to the database: ${said}`, {
    cause: error,
    reason: 'connection'
  })
}

/** The driver hangs the whole statement on its errors: names, notes and addresses, on their way to a log. */
function forgetStatement(error: unknown): void {
  if (error instanceof Error && 'sql' in error) delete error.sql
}
