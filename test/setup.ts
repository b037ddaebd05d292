/** Runs once before all test files. */
import { ensurePrograms } from './helpers/find-program.js'

ensurePrograms()
