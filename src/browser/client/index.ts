export { SlotlockClient } from './client.js'
export { type ClientErrorCode, SlotlockError } from './errors.js'
export type * from './types.js'
