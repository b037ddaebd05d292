import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OwnedProcess } from '../../test/helpers/process.js'
import { atEnd, own } from './cleanup.js'
import { addressOf } from './cluster.js'

const folder = fileURLToPath(new URL('../peers/', import.meta.url))

export interface Peer {
  http: string
  pid: number
}

export async function startPeer(program: string, env: Readonly<Record<string, string>> = {}): Promise<Peer> {
  const process_ = own(
    new OwnedProcess(process.execPath, [join(folder, program)], { ...process.env, ...env })
  )
  atEnd(() => process_.kill())
  return { http: await addressOf(process_), pid: process_.pid }
}
