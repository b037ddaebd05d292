import { fileURLToPath } from 'node:url'
import { OwnedProcess } from '../../test/helpers/process.js'
import { referencePath } from '../reference/raw.js'
import { atEnd, own } from './cleanup.js'
import { addressOf, type Cluster } from './cluster.js'

export interface ReferenceServer {
  http: string
  ws: string
  pid: number
}

/** The bare server beside a cluster, on the same stores. */
export async function startReference({ redisUrl, mysqlUrl, folder }: Cluster): Promise<ReferenceServer> {
  const path = fileURLToPath(new URL('../reference/server.ts', import.meta.url))
  const process_ = own(
    new OwnedProcess(process.execPath, [...process.execArgv, path], {
      ...process.env,
      ...(redisUrl === undefined ? {} : { REFERENCE_REDIS_URL: redisUrl }),
      ...(mysqlUrl === undefined
        ? { REFERENCE_SQLITE_PATH: referencePath(folder) }
        : { REFERENCE_MYSQL_URL: mysqlUrl })
    })
  )
  atEnd(() => process_.kill())
  const http = await addressOf(process_)
  return { http, ws: `${http.replace('http', 'ws')}/v1/ws`, pid: process_.pid }
}
