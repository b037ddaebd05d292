import type { Dice } from './dice.js'
import { oddText, oddValue } from './odd-values.js'

/** A good request, made bad in one place or in a few: nothing that is all nonsense gets past the first check. */

type Tree = Record<string, unknown> | unknown[]

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null

/** Every place in a JSON value, as the tree it is in and its name there. */
function places(tree: Tree): { tree: Tree; name: string }[] {
  const found: { tree: Tree; name: string }[] = []
  const waiting: Tree[] = [tree]
  while (waiting.length > 0 && found.length < 200) {
    const next = waiting.shift()!
    for (const [name, value] of Object.entries(next)) {
      found.push({ tree: next, name })
      if (isTree(value)) waiting.push(value)
    }
  }
  return found
}

/** A value that is nearly the same. */
function nearly(value: unknown, dice: Dice): unknown {
  if (typeof value === 'number')
    return dice.pick([value + 1, value - 1, -value, value * 1_000, value + 0.5, String(value)])
  if (typeof value === 'boolean') return dice.pick([!value, String(value), Number(value)])
  if (typeof value === 'string') {
    const at = dice.int(0, value.length)
    return dice.pick([
      value.toUpperCase(),
      ` ${value}`,
      `${value}\n`,
      value.slice(0, at),
      value.slice(0, at) + oddText(dice) + value.slice(at),
      value.repeat(3),
      value.normalize('NFD'),
      [value],
      { [value]: value }
    ])
  }
  if (Array.isArray(value))
    return dice.pick<unknown>([[], [...value, ...value], value[0], [...value].reverse(), { ...value }])
  return dice.pick<unknown>([[value], Object.entries((value as object | null) ?? {}), null])
}

/** Not by assignment: with `__proto__` that would make no member. */
function put(holder: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, writable: true, configurable: true })
}

/** Changes `tree` itself in one to three places. */
export function mutateTree(tree: Record<string, unknown>, dice: Dice): void {
  for (let left = dice.int(1, 3); left > 0; left--) {
    const all = places(tree)
    const { tree: at, name } = all.length === 0 ? { tree, name: 'calendar' } : dice.pick(all)
    const holder = at as Record<string, unknown>
    dice.weighted<() => void>([
      [5, () => put(holder, name, oddValue(dice))],
      [4, () => put(holder, name, nearly(holder[name], dice))],
      [2, () => void delete holder[name]],
      [
        1,
        () =>
          put(
            holder,
            dice.pick(['__proto__', 'constructor', 'role', 'session', 'owner', 'state', oddText(dice)]),
            oddValue(dice)
          )
      ]
    ])()
  }
}

/** What a JSON text may be beside well made. */
export function mutateText(text: string, dice: Dice): string {
  const at = dice.int(0, text.length)
  return dice.weighted<() => string>([
    // the same member twice: the last one counts for JSON.parse, the first one for others
    [
      3,
      () =>
        text.replace(
          /"(calendar|slots|lock|type|id|slot)":/,
          name => `${name}${JSON.stringify(oddValue(dice))},${name}`
        )
    ],
    [2, () => text.slice(0, at)],
    [2, () => text.slice(0, at) + String.fromCharCode(dice.int(0, 255)) + text.slice(at + 1)],
    [1, () => `\ufeff${text}`],
    [1, () => text + dice.pick(['}', '\0', 'null', text])],
    [1, () => text.replaceAll('"', "'")],
    [
      1,
      () =>
        text.replace(
          /:("[^"]*"|\d+)/,
          dice.pick([':NaN', ':1e999', ':-Infinity', ':01', ':.5', ':/**/1', ':undefined'])
        )
    ],
    [1, () => text.replace(/[a-z]/g, letter => `\\u00${letter.charCodeAt(0).toString(16)}`)],
    [1, () => `${' '.repeat(dice.pick([10, 10_000]))}${text}`],
    [1, () => `${'['.repeat(5_000)}${']'.repeat(5_000)}`],
    [1, () => `{"a":`.repeat(2_000)]
  ])()
}
