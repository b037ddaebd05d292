import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { findProgram, type Program } from '../../test/helpers/find-program.js'
import { percentile } from './stats.js'
import { nowMs } from './time.js'

/** The one line without which no figure means anything. */
export function describeMachine(): string {
  const parts = [
    `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${process.platform} ${release()}`,
    `node ${process.version.slice(1)}`,
    versionOf('redis-server', /v=(\S+)/),
    versionOf('mariadbd', /Ver (\S+)/),
    `fsync p50 ${(fsyncP50Ms() * 1000).toFixed(0)} µs`,
    `load ${loadavg()[0]!.toFixed(1)}`,
    `commit ${commit()}`
  ]
  return parts.join(' · ')
}

function versionOf(program: Program, pattern: RegExp): string {
  const path = findProgram(program)
  if (path === undefined) return `no ${program}`
  const text = execFileSync(path, ['--version'], { encoding: 'utf8' })
  return `${program} ${pattern.exec(text)?.[1] ?? 'of unknown version'}`
}

/** A database's speed is that of the disk's fsync; a container that only pretends to sync makes all commits look free. */
function fsyncP50Ms(): number {
  const path = join(tmpdir(), `slotlock-fsync-${process.pid}`)
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4_096, 1)
  const took: number[] = []
  for (let i = 0; i < 50; i++) {
    const start = nowMs()
    writeSync(file, block)
    fsyncSync(file)
    took.push(nowMs() - start)
  }
  closeSync(file)
  rmSync(path)
  return percentile(took, 50)
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore']
    }).trim()
  } catch {
    return 'unknown'
  }
}

/** How many files, and so sockets, a process may have open; undefined where nobody says. */
export function openFilesMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
