import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { requireProgram } from './find-program.js'
import { freePort, OwnedProcess, until } from './process.js'

/**
 * A Sentinel of the test's own that watches one master and decides alone; how several of them agree is theirs to test.
 * It knows the master's replica when this resolves. `masterPort`: where it says that the master is.
 */
export async function startSentinel(
  t: { teardown(end: () => Promise<void>): void },
  master: number,
  /** Its own password, and the one that master and replica ask for. */
  passwords?: { own: string; ofRedis: string }
): Promise<{ port: number; masterPort(): Promise<number> }> {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-sentinel-'))
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  writeFileSync(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor watched 127.0.0.1 ${master} 1`,
      'sentinel down-after-milliseconds watched 500',
      'sentinel failover-timeout watched 5000',
      ...(passwords === undefined
        ? []
        : [`requirepass ${passwords.own}`, `sentinel auth-pass watched ${passwords.ofRedis}`]),
      ''
    ].join('\n')
  )
  const sentinel = new OwnedProcess(requireProgram('redis-server'), [file, '--sentinel'])
  const client = new Redis({
    host: '127.0.0.1',
    port,
    protocol: 2,
    retryStrategy: () => 20,
    ...(passwords && { password: passwords.own })
  })
  client.on('error', () => {})
  t.teardown(async () => {
    client.disconnect()
    await sentinel.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await until('the Sentinel knows the replica', async () => {
    const replicas = (await client.call('SENTINEL', 'REPLICAS', 'watched').catch(() => [])) as string[][]
    return replicas.some(one => one[one.indexOf('master-link-status') + 1] === 'ok')
  })
  return {
    port,
    masterPort: async () => {
      const address = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'watched')
      return Number((address as [string, string])[1])
    }
  }
}
