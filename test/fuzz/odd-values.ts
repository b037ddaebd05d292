import type { Dice } from './dice.js'

/** What nobody should send, and somebody will. */

const texts: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u{1f469}\u200d\u{1f4bb}',
  'مرحبا \u202e txet',
  'İıſK',
  '１２３',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  "'; DROP TABLE slots; -- ",
  '" OR 1=1 /*',
  '\\',
  '%s%n%25%00',
  '#{7*7}{{7*7}}',
  '<script>alert(1)</script>',
  'x\r\nSet-Cookie: a=b\r\n\r\n',
  '{"level":60,"msg":"forged"}\n',
  '../../etc/passwd',
  '=cmd|calc!A1',
  '-1',
  '1e3',
  '0x10',
  'demo ',
  'DEMO',
  'demo\n',
  '2030-02-30',
  '0000-00-00',
  '9999-12-31',
  '+012026-01-01',
  '2026-1-1',
  'room-0/2030-01-01T24:00Z',
  'room-0/2030-01-01T09:00:00Z',
  'room-0/9999-12-31T23:59Z',
  'room-0/0001-01-01T00:00Z',
  'room-0/2030-01-01T09:00+01:00',
  'room-0//2030-01-01T09:00Z',
  'AAAAAAAAAAAAAAAAAAAAAA',
  'slotlock:lock:{demo}',
  '{demo}'
]

const numbers: readonly number[] = [
  0,
  -0,
  -1,
  1,
  0.5,
  9_999,
  10_001,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53) - 2,
  1e21,
  1e308,
  5e-324,
  Number.MAX_SAFE_INTEGER
]

/** Past each bound of the contract by one, and right at it. */
const lengths: readonly number[] = [
  1, 32, 33, 63, 64, 65, 128, 129, 200, 201, 254, 255, 500, 501, 2_000, 2_001, 5_000
]

function nested(depth: number, dice: Dice): unknown {
  let value: unknown = dice.chance(0.5) ? 1 : {}
  for (let level = 0; level < depth; level++) value = dice.chance(0.5) ? [value] : { a: value }
  return value
}

/** Parsed, because in a literal these names mean something else. */
const poisoned: readonly string[] = [
  '{"__proto__":{"role":"admin"}}',
  '{"constructor":{"prototype":{"role":"admin"}}}',
  '{"toString":1,"valueOf":null,"hasOwnProperty":2}',
  '{"toJSON":"x","then":"y"}',
  '{"length":4294967295,"0":"a"}'
]

export function oddText(dice: Dice): string {
  return dice.chance(0.8)
    ? dice.pick(texts)
    : dice.pick(['a', 'é', '\u{1f642}', '"', '\\', '\u0001']).repeat(dice.pick(lengths))
}

export function oddValue(dice: Dice): unknown {
  return dice.weighted<() => unknown>([
    [8, () => oddText(dice)],
    [4, () => dice.pick(numbers)],
    [2, () => dice.pick([null, true, false])],
    [1, () => dice.pick([[], {}, [[]], [null], [{}]])],
    [1, () => nested(dice.pick([3, 30, 31, 33, 200, 2_000]), dice)],
    [2, () => JSON.parse(dice.pick(poisoned)) as unknown],
    [
      1,
      () => dice.times(dice.pick([2, 33, 257, 1_000]), () => dice.pick(['a', 1, 'room-0/2030-01-01T09:00Z']))
    ],
    [
      1,
      () =>
        Object.fromEntries(
          dice.times(dice.pick([3, 300]), index => [`${oddText(dice).slice(0, 20)}${index}`, index])
        )
    ]
  ])()
}
