import { LRUCache } from 'lru-cache'
import type { Value, Values } from './dialect.js'

/** `SELECT :a, :now` is the parts `SELECT `, `, `, `` around the names `a`, `now`. */
export interface CompiledText {
  parts: string[]
  names: string[]
}

/** Texts differ only by how many slots they name; past this many the one used longest ago is compiled anew. */
const compiledTextsMax = 1000
const compiled = new LRUCache<string, CompiledText>({ max: compiledTextsMax })

export function compile(text: string): CompiledText {
  let found = compiled.get(text)
  if (found === undefined) {
    const pieces = text.split(/:([a-zA-Z]\w*)/)
    found = {
      parts: pieces.filter((_, index) => index % 2 === 0),
      names: pieces.filter((_, index) => index % 2 === 1)
    }
    compiled.set(text, found)
  }
  return found
}

/** A name without a value is a mistake in this folder, so it throws before anything is sent. */
export function boundValue(values: Values, name: string): Value {
  const value = values[name]
  if (value === undefined) throw new TypeError(`the statement names :${name}, which has no value`)
  return value
}

/** `:s0, :s1, :s2` for an IN list. */
export function nameList(prefix: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `:${prefix}${index}`).join(', ')
}

export function namedValues(prefix: string, list: readonly Value[]): Record<string, Value> {
  return Object.fromEntries(list.map((value, index) => [`${prefix}${index}`, value]))
}

/** Builds the text for each count of slots once. The count is bounded by the caller's slotsPerLockMax and its sweep. */
export function textByCount(build: (count: number) => string): (count: number) => string {
  const texts = new Map<number, string>()
  return count => {
    let text = texts.get(count)
    if (text === undefined) {
      text = build(count)
      if (texts.size < textsPerStatementMax) texts.set(count, text)
    }
    return text
  }
}

/** Past it a text is built each time, which costs microseconds. */
const textsPerStatementMax = 256
