import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'

/**
 * The door to the service: what passes here has the shape of its schema and carries nothing besides. Each schema is
 * compiled once; a check of a lock request takes well under a microsecond, an explanation of what is wrong is only
 * worked out for who needs one.
 */

export interface FieldProblem {
  /** As a person writes it: `slots/3`, `customer/name`; `request` is the whole. */
  field: string
  problem: string
}

export type Checked<T> = { ok: true; value: T } | { ok: false; fields: FieldProblem[] }

/** More would not help whoever reads it, and a client must not make the server write an essay. */
export const fieldProblemsMax = 10
/** Deeper JSON is refused: nothing here nests further, and whoever walks it later may recurse. */
export const jsonDepthMax = 32

interface Compiled {
  validator: Validator
  /** Names of the object's members; undefined when the schema is no object. */
  names: readonly string[] | undefined
  /** Unknown members are an error and must reach the check. */
  strict: boolean
  /** Has objects inside, whose unknown members are to go too. */
  nested: boolean
}

const compiled = new WeakMap<TSchema, Compiled>()

interface ObjectLike {
  type?: unknown
  properties?: Record<string, ObjectLike>
  additionalProperties?: unknown
}

function compile(schema: TSchema): Compiled {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const { properties, additionalProperties } = schema as ObjectLike
  const made: Compiled = {
    validator: Compile(schema),
    names: properties === undefined ? undefined : Object.keys(properties),
    strict: additionalProperties === false,
    nested: Object.values(properties ?? {}).some(member => member.type === 'object')
  }
  compiled.set(schema, made)
  return made
}

/** Compiles ahead of the first request, which would otherwise wait for it. */
export function prepare(schemas: Iterable<TSchema>): void {
  for (const schema of schemas) compile(schema)
}

/** Members that the schema does not name are left out, unless the schema refuses them. */
export function check<S extends TSchema>(schema: S, value: unknown): Checked<Static<S>> {
  const { validator, names, strict, nested } = compile(schema)
  const candidate = names !== undefined && !strict ? onlyMembers(value, names) : value
  if (!validator.Check(candidate)) return { ok: false, fields: explain(validator, schema, candidate) }
  // Clean costs 20 µs, a hundred times the check: only for what has objects inside.
  return { ok: true, value: (nested ? validator.Clean(candidate) : candidate) as Static<S> }
}

function onlyMembers(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const kept: Record<string, unknown> = {}
  for (const name of names) {
    const member = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
    if (member !== undefined) kept[name] = member
  }
  return kept
}

function explain(validator: Validator, schema: TSchema, value: unknown): FieldProblem[] {
  const problems = new Map<string, Set<string>>()
  const say = (field: string, problem: string): void => {
    const said = problems.get(field)
    if (said !== undefined) said.add(problem)
    else if (problems.size < fieldProblemsMax) problems.set(field, new Set([problem]))
  }
  for (const { keyword, instancePath, schemaPath, params, message } of validator.Errors(value)) {
    const path = instancePath.split('/').slice(1).map(unescapePointer)
    const at = (member?: string): string =>
      [...path, ...(member === undefined ? [] : [member])].join('/').slice(0, 100) || 'request'
    switch (keyword) {
      case 'required':
        for (const name of params.requiredProperties) say(at(name), 'is required')
        break
      case 'additionalProperties':
        for (const name of params.additionalProperties) say(at(name), 'is not known here')
        break
      // The alternatives of a union have each said what they miss; these say it again without saying what.
      case 'anyOf':
      case 'boolean':
        break
      case 'pattern':
        say(at(), `must be ${descriptionOf(schema, schemaPath) ?? `like ${String(params.pattern)}`}`)
        break
      case 'enum':
        say(at(), `must be one of ${params.allowedValues.map(String).join(', ')}`)
        break
      default:
        say(at(), message)
    }
  }
  const fields = [...problems].map(([field, said]) => ({ field, problem: [...said].join(' or ') }))
  return fields.length > 0 ? fields : [{ field: 'request', problem: 'is not valid' }]
}

const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~')

/** A pattern says nothing to most people; its schema's description does. */
function descriptionOf(schema: TSchema, schemaPath: string): string | undefined {
  let at: unknown = schema
  for (const part of schemaPath.split('/').slice(1).map(unescapePointer)) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Record<string, unknown>)[part]
  }
  const text = (at as { description?: unknown } | undefined)?.description
  return typeof text === 'string' ? text : undefined
}

/**
 * A query string has only texts: numbers and booleans become what the schema asks for where they are spelt as such,
 * everything else stays as it is for the check to refuse.
 */
export function coerceQuery(schema: TSchema, query: Record<string, unknown>): Record<string, unknown> {
  const coerced: Record<string, unknown> = {}
  const properties = (schema as ObjectLike).properties ?? {}
  for (const [name, member] of Object.entries(properties)) {
    if (!Object.hasOwn(query, name)) continue
    const text = query[name]
    const number = (member.type === 'number' || member.type === 'integer') && typeof text === 'string'
    coerced[name] = number && /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : text
    if (member.type === 'boolean' && (text === 'true' || text === 'false')) coerced[name] = text === 'true'
  }
  return coerced
}

export type Parsed = { ok: true; value: unknown } | { ok: false; problem: string }

/**
 * JSON as it comes from a stranger. Members named `__proto__`, or `constructor` with a `prototype`, are refused: they
 * do nothing here, but `meta` travels on to hosts that may merge it into something.
 */
export function parseJson(text: string): Parsed {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problem: 'is not JSON' }
  }
  // Walked level by level and not recursively: 16 KiB of brackets would overflow the stack.
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > jsonDepthMax) return { ok: false, problem: `is nested deeper than ${jsonDepthMax}` }
    const below: unknown[] = []
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue
      if (!Array.isArray(item) && poisoned(item))
        return { ok: false, problem: 'has a member that is not allowed' }
      for (const member of Object.values(item)) {
        if (typeof member === 'object' && member !== null) below.push(member)
      }
    }
    level = below
  }
  return { ok: true, value }
}

function poisoned(item: object): boolean {
  if (Object.hasOwn(item, '__proto__')) return true
  if (!Object.hasOwn(item, 'constructor')) return false
  const { constructor: maker } = item as { constructor: unknown }
  return typeof maker === 'object' && maker !== null && Object.hasOwn(maker, 'prototype')
}
