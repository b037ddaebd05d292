import t from 'tap'
import {
  OutcomeUnknown,
  StoreBusy,
  StoreContractError,
  StoreUnavailable
} from '../../../src/domain/errors.js'
import {
  failureOf,
  keepsConnection,
  QueryTimeout,
  storeErrorOf
} from '../../../src/stores/sql/mysql-errors.js'

const serverError = (errno: number): Error =>
  Object.assign(new Error('said the server'), { errno, sqlState: 'HY000' })
const socketError = Object.assign(new Error('read ECONNRESET'), {
  errno: -104,
  code: 'ECONNRESET',
  fatal: true
})
const protocolError = Object.assign(new Error('Connection lost'), {
  code: 'PROTOCOL_CONNECTION_LOST',
  fatal: true
})

t.test('a driver error is told by its number', async t => {
  t.equal(failureOf(serverError(1062)), 'duplicate')
  t.equal(failureOf(serverError(1048)), 'refused')
  for (const errno of [1213, 1020]) t.equal(failureOf(serverError(errno)), 'deadlock')
  for (const errno of [1290, 1792, 1836, 1021, 1114, 1040])
    t.equal(failureOf(serverError(errno)), 'unavailable')
  for (const errno of [1053, 1317, 1927, 1969, 3024]) t.equal(failureOf(serverError(errno)), 'lost')
  t.equal(failureOf(serverError(1064)), 'contract', 'a syntax error is a bug')
})

t.test('an answer that was lost is unknown after a change, and no harm after a read', async t => {
  for (const error of [socketError, protocolError, new QueryTimeout('no answer'), serverError(1969)]) {
    t.equal(failureOf(error), 'lost')
    t.notOk(keepsConnection(failureOf(error)))
    t.ok(storeErrorOf(error, true) instanceof OutcomeUnknown)
    const afterRead = storeErrorOf(error, false)
    t.ok(afterRead instanceof StoreUnavailable)
    t.equal(afterRead.cause, error, 'the driver error is kept for the log')
  }
})

t.test('the rest says what a caller can do about it', async t => {
  t.ok(storeErrorOf(serverError(1205), true) instanceof StoreBusy)
  t.ok(storeErrorOf(serverError(1213), true) instanceof StoreBusy, 'a deadlock that was tried often enough')
  t.ok(storeErrorOf(serverError(1290), true) instanceof StoreUnavailable)
  t.ok(storeErrorOf(serverError(1064), false) instanceof StoreContractError)
  t.notOk(keepsConnection('unavailable'), 'a new connection may reach the server that took over')
})
