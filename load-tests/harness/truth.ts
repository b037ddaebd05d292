export * from '../../test/helpers/truth.js'
