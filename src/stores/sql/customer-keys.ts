import { StoreContractError } from '../../domain/errors.js'
import { type StoreContext, stampValues } from './context.js'
import { textOf } from './rows.js'

/**
 * Notes the key that encrypts from now on, before the first row is written under it.
 *
 * Throws StoreContractError when customer data was written under a key that is not there: whoever goes on without it could
 * neither show nor cancel those bookings, and would find out one by one. Nothing is lost; with the key it starts.
 */
export async function noteCustomerKey(context: StoreContext): Promise<void> {
  const { keyId, keyIds } = context.cipher
  const [rows] = await context.db.read([{ text: 'SELECT id FROM customer_keys ORDER BY id', values: {} }])
  const used = rows!.map(row => textOf(row, 'id'))
  const missing = used.filter(id => !keyIds.includes(id))
  if (missing.length > 0) {
    const given = keyIds.length === 0 ? 'is not set' : `has ${keyIds.join(', ')}`
    throw new StoreContractError(
      `customer data is encrypted under the key ${missing.join(', ')}, and CUSTOMER_KEY ${given}: give that key too, ` +
        'after a comma if another one is to encrypt from now on'
    )
  }
  if (keyId === undefined || used.includes(keyId)) return
  const { dialect } = context.db
  const stamp = context.stamp()
  await context.change([
    {
      text: `INSERT INTO customer_keys (id, since_ms) SELECT :id, :now FROM (SELECT 1 AS one) x WHERE 1 = 1
        ${dialect.upsert('id')} id = ${dialect.incoming('id')}`,
      values: { ...stampValues(stamp), id: keyId }
    }
  ])
}
