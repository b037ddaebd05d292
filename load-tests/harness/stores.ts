import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { requireProgram } from '../../test/helpers/find-program.js'
import { freePort, OwnedProcess } from '../../test/helpers/process.js'
import { own } from './cleanup.js'
import { cameTrue } from './time.js'

export interface StartedStore {
  url: string
  process: OwnedProcess
}

/** One that a scenario may treat badly. */
export interface StartedRedis {
  url: string
  pid: number
  /** Gone, as when its machine loses power. */
  kill(): Promise<void>
  /** Accepts connections and never answers: what a client cannot tell from slowness. */
  freeze(): void
  thaw(): void
  /** On the same port, knowing nothing. */
  restartEmpty(): Promise<void>
}

const startWithinMs = 60_000

/** As the README recommends it for production: everysec, and never evicting, because evicting drops locks. */
export async function startRedis(folder: string): Promise<StartedRedis> {
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const spawn = (): OwnedProcess =>
    own(
      new OwnedProcess(requireProgram('redis-server'), [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
        ...['--appendonly', 'yes', '--appendfsync', 'everysec'],
        ...['--maxmemory', '256mb', '--maxmemory-policy', 'noeviction']
      ])
    )
  let process_ = spawn()
  await redisAnswers(url, process_)
  return {
    url,
    get pid() {
      return process_.pid
    },
    kill: () => process_.kill(),
    freeze: () => process_.freeze(),
    thaw: () => process_.thaw(),
    async restartEmpty() {
      await process_.kill()
      await rm(join(folder, 'appendonlydir'), { recursive: true, force: true })
      process_ = spawn()
      await redisAnswers(url, process_)
    }
  }
}

async function redisAnswers(url: string, process_: OwnedProcess): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 5 })
  client.on('error', () => {})
  try {
    const up = await cameTrue(
      () =>
        client.ping().then(
          () => true,
          () => false
        ),
      startWithinMs
    )
    if (!up) throw new Error(`redis-server did not start: ${process_.output}`)
  } finally {
    client.disconnect()
  }
}

/** A fresh MariaDB with its durable defaults (a commit is on disk before it is answered) and nobody else's settings. */
export async function startMariadb(folder: string): Promise<StartedStore> {
  await mkdir(folder, { recursive: true })
  const data = join(folder, 'data')
  const daemon = requireProgram('mariadbd')
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  execFileSync(
    installerBeside(daemon),
    [
      '--no-defaults',
      ...user,
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db'
    ],
    { stdio: 'ignore', timeout: startWithinMs }
  )
  const port = await freePort()
  const process_ = own(
    new OwnedProcess(daemon, [
      ...['--no-defaults', ...user, `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1'],
      ...[`--socket=${join(folder, 's')}`, '--skip-log-bin', '--innodb-buffer-pool-size=256M']
    ])
  )
  const server = { host: '127.0.0.1', port, user: 'root' }
  const up = await cameTrue(async () => {
    if (!process_.running) throw new Error(`mariadbd ended while starting: ${process_.output}`)
    try {
      const connection = await createConnection(server)
      await connection.query('CREATE DATABASE IF NOT EXISTS slotlock')
      await connection.end()
      return true
    } catch {
      return false
    }
  }, startWithinMs)
  if (!up) throw new Error(`mariadbd did not start: ${process_.output}`)
  return { url: `mysql://root@127.0.0.1:${port}/slotlock`, process: process_ }
}

function installerBeside(daemon: string): string {
  const folders = [dirname(daemon), ...(process.env.PATH ?? '').split(delimiter), '/usr/bin']
  for (const folder of folders)
    for (const name of ['mariadb-install-db', 'mysql_install_db'])
      if (existsSync(join(folder, name))) return join(folder, name)
  throw new Error('mariadb-install-db, which makes an empty database, cannot be found')
}
