export * from './codes.js'
export * from './messages.js'
export * from './operations.js'
export * from './schemas.js'
