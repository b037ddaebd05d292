import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { StoreContractError } from '../../domain/errors.js'

/**
 * A Lua script as a typed function: keys and arguments go in by name, the reply comes out as a discriminated union.
 *
 * Lua takes KEYS and ARGV by position, so two arguments that change places are a bug that no compiler sees and that
 * a test may miss when both are numbers. Here the script's own binding lines (`local lock = ARGV[1] -- …`) are read
 * when it is loaded and compared with the names that the caller declares, and so are the status words it returns.
 *
 * Scripts are sent by EVALSHA, and by EVAL when the server does not know them (it restarted, or SCRIPT FLUSH).
 * ioredis' defineCommand would do that too, but in 6.0.0 a command that is defined after an auto-pipeline was made
 * can be handed another command's reply.
 */
export interface Script<Keys extends string, Args extends string, Reply> {
  readonly name: string
  /** As it is sent, with its includes. */
  readonly source: string
  run(redis: Redis, keys: Named<Keys, string>, args: Named<Args, string | number>): Promise<Reply>
}

/** `'...slot_keys'` is a list and goes last; every other name is one value. */
type Named<Name extends string, Value> = {
  [N in Name as N extends `...${infer List}` ? List : N]: N extends `...${string}` ? readonly Value[] : Value
}

/** One decoder for each status word; it gets what follows the word. */
type Decoders = Record<string, (rest: unknown[]) => { status: string }>

// src/stores/redis/ and dist/stores/redis/ are equally far from the package's own folder
const luaFolder = new URL('../../../lua/', import.meta.url)

const includeLine = /^--- @include "([\w/]+)"$/gm
const oneBinding = /^local (\w+) *= (?:tonumber\()?(KEYS|ARGV)\[(\d+)\]\)? +--/
const listBinding = /^local (\w+) *= \{ unpack\((KEYS|ARGV), (\d+)\) \} +--/
const statusWord = /\{ '([A-Z]+)'/g

export function defineScript<const K extends string, const A extends string, const D extends Decoders>(
  name: string,
  declared: { keys: readonly K[]; args: readonly A[]; reply: D }
): Script<K, A, ReturnType<D[keyof D]>> {
  const source = readLua(name)
  const bound = readBindings(name, source)
  assertSame(name, 'binds KEYS as', bound.KEYS, 'the caller sends', declared.keys)
  assertSame(name, 'binds ARGV as', bound.ARGV, 'the caller sends', declared.args)
  assertSame(name, 'returns', statusWords(source), 'the caller expects', Object.keys(declared.reply).sort())
  const sha = createHash('sha1').update(source).digest('hex')

  return {
    name,
    source,
    async run(redis, keys, args) {
      const keyList = inOrder<string>(declared.keys, keys)
      const sent = [...keyList, ...inOrder<string | number>(declared.args, args)]
      let raw: unknown
      try {
        raw = await redis.evalsha(sha, keyList.length, ...sent)
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        raw = await redis.eval(source, keyList.length, ...sent)
      }
      return decode(name, declared.reply, raw)
    }
  }
}

/** The script with each library it includes, once, at the place where it was first asked for. */
function readLua(name: string, seen = new Set<string>()): string {
  return readFileSync(new URL(`${name}.lua`, luaFolder), 'utf8').replace(
    includeLine,
    (_line, library: string) => {
      if (seen.has(library)) return ''
      seen.add(library)
      return readLua(library, seen)
    }
  )
}

/** Exported for its test: the scripts that exist are all well-formed. */
export function readBindings(name: string, source: string): Record<'KEYS' | 'ARGV', string[]> {
  const bound: Record<'KEYS' | 'ARGV', string[]> = { KEYS: [], ARGV: [] }
  for (const line of source.split('\n')) {
    const one = oneBinding.exec(line)
    const list = listBinding.exec(line)
    const [, local, table, position] = one ?? list ?? []
    if (local !== undefined && (table === 'KEYS' || table === 'ARGV')) {
      bound[table].push(list === null ? local : `...${local}`)
      if (bound[table].length !== Number(position)) {
        throw new Error(`lua/${name}.lua binds ${local} to ${table}[${position}] out of order`)
      }
    } else if (/\b(KEYS|ARGV)\b/.test(line.replace(/--.*$/, ''))) {
      // a position that is read in the body is one that the names say nothing about
      throw new Error(`lua/${name}.lua reads KEYS or ARGV outside of its binding lines: ${line.trim()}`)
    }
  }
  return bound
}

function statusWords(source: string): string[] {
  const code = source.replace(/--.*$/gm, '')
  return [...new Set([...code.matchAll(statusWord)].map(([, word]) => word!))].sort()
}

function assertSame(
  name: string,
  does: string,
  found: readonly string[],
  other: string,
  expected: readonly string[]
): void {
  if (found.join() === expected.join()) return
  throw new Error(`lua/${name}.lua ${does} [${found.join(', ')}] but ${other} [${expected.join(', ')}]`)
}

function inOrder<Value>(names: readonly string[], values: object): Value[] {
  const byName = values as Record<string, Value | readonly Value[]>
  return names.flatMap(name => byName[name.replace('...', '')] as Value | Value[])
}

function decode<D extends Decoders>(name: string, decoders: D, raw: unknown): ReturnType<D[keyof D]> {
  const [status, ...rest] = Array.isArray(raw) ? (raw as unknown[]) : []
  const decoder = typeof status === 'string' && Object.hasOwn(decoders, status) ? decoders[status] : undefined
  if (decoder === undefined) {
    throw new StoreContractError(`lua/${name}.lua answered ${JSON.stringify(raw)}`)
  }
  return decoder(rest) as ReturnType<D[keyof D]>
}
