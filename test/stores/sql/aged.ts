import type { Connection } from 'mysql2/promise'

/**
 * A server's clock cannot be set for one test. Making everything that is written older comes to the same: only
 * versions stay, which are no times to anybody but the purge.
 */
export async function agedBy(connection: Connection, ms: number): Promise<void> {
  await connection.query(`
    UPDATE locks SET created_ms = created_ms - ${ms}, expires_ms = expires_ms - ${ms}, updated_ms = updated_ms - ${ms};
    UPDATE slots SET expires_ms = IF(expires_ms = 0, 0, expires_ms - ${ms}), updated_ms = updated_ms - ${ms};
    UPDATE bookings SET booked_ms = booked_ms - ${ms}, updated_ms = updated_ms - ${ms};
    UPDATE selections SET expires_ms = expires_ms - ${ms}, updated_ms = updated_ms - ${ms};
    UPDATE audit SET at_ms = at_ms - ${ms}`)
}
