import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OwnedProcess } from '../../test/helpers/process.js'
import { atEnd, own } from './cleanup.js'
import { addressOf } from './cluster.js'

const folder = fileURLToPath(new URL('../peers/', import.meta.url))
const installWithinMs = 120_000

export interface Peer {
  http: string
  pid: number
}

/** Others' servers are no dependency of slotlock: who runs the comparison installs them, beside it and once. */
export function installPeers(): void {
  if (existsSync(join(folder, 'node_modules', 'socket.io'))) return
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: folder,
    stdio: 'pipe',
    timeout: installWithinMs
  })
}

export async function startPeer(program: string, env: Readonly<Record<string, string>> = {}): Promise<Peer> {
  const process_ = own(
    new OwnedProcess(process.execPath, [join(folder, program)], { ...process.env, ...env })
  )
  atEnd(() => process_.kill())
  return { http: await addressOf(process_), pid: process_.pid }
}
