import type { Config } from './config.js'
import type { TlsFiles } from './settings/shape.js'
import type { RedisAddress } from './stores/redis/address.js'
import type { MysqlTls } from './stores/sql/mysql-connection.js'

/** From the settings to what the stores take. */

/** undefined: no Redis is configured. */
export function redisAddressOf(config: Config): RedisAddress | undefined {
  const { redisUrl, redisTls, redisSentinelPassword } = config
  return redisUrl === undefined
    ? undefined
    : { url: redisUrl, tls: pemsOf(redisTls), sentinelPassword: redisSentinelPassword }
}

/** undefined: not encrypted. */
export function mysqlTlsOf({ mysqlTls, mysqlTlsFiles }: Config): MysqlTls | undefined {
  return mysqlTls === 'off'
    ? undefined
    : { ...pemsOf(mysqlTlsFiles), verifyIdentity: mysqlTls === 'verify-full' }
}

const pemsOf = ({ ca, cert, key }: TlsFiles): { ca?: string; cert?: string; key?: string } => ({
  ...(ca !== undefined && { ca: ca.pem }),
  ...(cert !== undefined && { cert: cert.pem }),
  ...(key !== undefined && { key: key.pem })
})
