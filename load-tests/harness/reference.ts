import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OwnedProcess } from '../../test/helpers/process.js'
import { referencePath } from '../reference/raw.js'
import { atEnd, own } from './cleanup.js'
import { addressOf, type Cluster } from './cluster.js'
import { type StartedRedis, startRedis } from './stores.js'
import { WsClient } from './ws-driver.js'

export interface ReferenceServer {
  http: string
  ws: string
  pid: number
  /** The cluster's own, or one that was started beside it. */
  redis: { url: string; pid: number }
}

/** The bare server beside a cluster, on the same stores; a cluster without Redis is compared with one that has it. */
export async function startReference({ redis, mysqlUrl, folder }: Cluster): Promise<ReferenceServer> {
  const beside = redis ?? (await ownRedis(folder))
  const path = fileURLToPath(new URL('../reference/server.ts', import.meta.url))
  const process_ = own(
    new OwnedProcess(process.execPath, [...process.execArgv, path], {
      ...process.env,
      REFERENCE_REDIS_URL: beside.url,
      ...(mysqlUrl === undefined
        ? { REFERENCE_SQLITE_PATH: referencePath(folder) }
        : { REFERENCE_MYSQL_URL: mysqlUrl })
    })
  )
  atEnd(() => process_.kill())
  const http = await addressOf(process_)
  return {
    http,
    ws: `${http.replace('http', 'ws')}/v1/ws`,
    pid: process_.pid,
    redis: { url: beside.url, pid: beside.pid }
  }
}

export interface Echo {
  /** One message there and back. */
  roundTrip(text: string): Promise<void>
  close(): void
}

/** A bare `ws` server that says everything again, and one socket to it. */
export async function openEcho(): Promise<Echo> {
  const path = fileURLToPath(new URL('../reference/echo.ts', import.meta.url))
  const process_ = own(new OwnedProcess(process.execPath, [...process.execArgv, path]))
  atEnd(() => process_.kill())
  // the answers come in the order of the questions
  const waiting: (() => void)[] = []
  const client = await WsClient.openBare({
    url: (await addressOf(process_)).replace('http', 'ws'),
    onText: () => waiting.shift()?.()
  })
  return {
    roundTrip: text =>
      new Promise(resolve => {
        waiting.push(resolve)
        client.sendText(text)
      }),
    close: () => client.close()
  }
}

/** Beside a cluster that has none. */
export async function ownRedis(folder: string): Promise<StartedRedis> {
  const redis = await startRedis(join(folder, 'reference-redis'))
  atEnd(() => redis.kill())
  return redis
}
