import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { StoreUnavailable } from '../../domain/errors.js'

/**
 * Makes sure that a folder's embedded database serves one instance. A second one would grant no slot twice, for the
 * rows judge; but neither would hear of the other's changes, and their screens would be wrong without a word.
 *
 * The claim is an open transaction on a file of its own, so the operating system gives it back when the process ends,
 * however it ends. Throws StoreUnavailable when somebody else has it. The answer gives it back.
 */
export function claimFolder(folder: string): () => void {
  const connection = new DatabaseSync(join(folder, 'claim.db'), { timeout: 0 })
  try {
    connection.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    connection.close()
    throw new StoreUnavailable(
      `another slotlock is running on ${folder}. The embedded database serves one instance: stop that one, give this one a folder of its own (SLOTLOCK_DATA), or set MYSQL_URL for both`,
      { cause: error }
    )
  }
  return () => connection.close()
}
