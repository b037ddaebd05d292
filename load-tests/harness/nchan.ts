import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { freePort, OwnedProcess } from '../../test/helpers/process.js'
import { atEnd, own } from './cleanup.js'
import { ask } from './http-client.js'
import { cameTrue } from './time.js'

/** nginx with nchan, two of them on one Redis: who publishes at the one reaches the subscribers of the other. */
export interface Nchan {
  /** WebSocket address that takes each text as a message to publish. */
  publish: string
  /** WebSocket address that sends every message. */
  subscribe: string
  /** Of the worker that the subscribers are connected to. */
  subscribersPid: number
}

export const howToInstallNchan =
  'nchan is not compared: apt-get install --no-install-recommends nginx-light libnginx-mod-nchan'

const moduleFile = '/usr/lib/nginx/modules/ngx_nchan_module.so'
const startWithinMs = 10_000

export function nchanIsHere(): boolean {
  return nginxPath() !== undefined && existsSync(moduleFile)
}

/** At its best: one worker each, messages are kept nowhere, no log is written. */
export async function startNchan(folder: string, redisUrl: string): Promise<Nchan> {
  const sender = await startOne(join(folder, 'nchan-sender'), redisUrl)
  const receiver = await startOne(join(folder, 'nchan-receiver'), redisUrl)
  return {
    publish: `ws://127.0.0.1:${sender.port}/publish`,
    subscribe: `ws://127.0.0.1:${receiver.port}/subscribe`,
    subscribersPid: receiver.worker
  }
}

async function startOne(folder: string, redisUrl: string): Promise<{ port: number; worker: number }> {
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  await writeFile(config, configOf(folder, port, redisUrl))
  const process_ = own(
    new OwnedProcess(nginxPath()!, ['-p', folder, '-c', config, '-e', join(folder, 'error.log')])
  )
  // its worker would outlive a SIGKILL of the master
  atEnd(() => process_.kill('SIGTERM'))
  const up = await cameTrue(
    () =>
      process_.running &&
      ask(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false
      ),
    startWithinMs
  )
  const worker = up ? childOf(process_.pid) : undefined
  if (worker === undefined) throw new Error(`nginx with nchan did not start: ${process_.output}`)
  return { port, worker }
}

function configOf(folder: string, port: number, redisUrl: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return [
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    `load_module ${moduleFile};`,
    'daemon off;',
    'worker_processes 1;',
    `pid ${join(folder, 'pid')};`,
    'events { worker_connections 16384; }',
    'http {',
    '  access_log off;',
    ...temporary.map(name => `  ${name}_temp_path ${join(folder, name)};`),
    `  upstream stores { nchan_redis_server ${redisUrl}; nchan_redis_storage_mode nostore; }`,
    '  server {',
    `    listen 127.0.0.1:${port} backlog=4096;`,
    '    location = /publish {',
    '      nchan_publisher websocket; nchan_channel_id fan-out; nchan_redis_pass stores;',
    '    }',
    '    location = /subscribe {',
    '      nchan_subscriber websocket; nchan_channel_id fan-out; nchan_redis_pass stores;',
    '      nchan_subscriber_first_message newest;',
    '    }',
    '  }',
    '}',
    ''
  ].join('\n')
}

function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return children === '' ? undefined : Number(children.split(' ')[0])
  } catch {
    return undefined
  }
}

function nginxPath(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map(folder => join(folder, 'nginx')).find(existsSync)
}
