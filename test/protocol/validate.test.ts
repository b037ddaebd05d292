import t from 'tap'
import Type from 'typebox'
import { operations } from '../../src/protocol/operations.js'
import { check, coerceQuery, fieldProblemsMax, jsonDepthMax, parseJson } from '../../src/protocol/validate.js'

const fieldsOf = (checked: ReturnType<typeof check>): [string, string][] =>
  checked.ok ? [] : checked.fields.map(({ field, problem }) => [field, problem])

t.test('what passes has the members of its schema and no others, also inside', t => {
  const value = {
    lock: 'x',
    customer: { name: 'Jane', admin: true },
    meta: { any: { thing: 1 } },
    id: 5,
    type: 'book'
  }
  const checked = check(operations.book.params, value)
  t.strictSame(checked, {
    ok: true,
    value: { lock: 'x', customer: { name: 'Jane' }, meta: { any: { thing: 1 } } }
  })
  t.end()
})

t.test('inherited members are not members', t => {
  t.strictSame(fieldsOf(check(operations.release.params, Object.create({ lock: 'x' }))), [
    ['lock', 'is required']
  ])
  t.end()
})

t.test('a problem names its field as a person would write it', t => {
  const lock = operations.lock.params
  t.strictSame(fieldsOf(check(lock, {})), [
    ['calendar', 'is required'],
    ['slots', 'is required']
  ])
  t.match(fieldsOf(check(lock, { calendar: 'demo', slots: ['a/2030-01-01T00:00Z', 'x'] })), [
    ['slots/1', /^must be </]
  ])
  t.match(fieldsOf(check(operations.book.params, { lock: 'x', customer: { name: '' } })), [
    ['customer/name', String]
  ])
  t.match(fieldsOf(check(operations.book.params, { lock: 'x', customer: {} })), [
    ['customer/name', 'is required']
  ])
  t.match(fieldsOf(check(operations.select.params, { calendar: 'demo', slot: 7 })), [
    ['slot', 'must be string or must be null']
  ])
  t.match(fieldsOf(check(lock, 'text')), [['request', String]])
  const definition = { name: 'D', timeZone: 'UTC', slotMinutes: 30, resources: [], calendar: 'demo' }
  const grid = fieldsOf(check(operations.putCalendar.params, { ...definition, grid: 'x' }))
  t.strictSame(grid, [['grid', 'must be one of hours, open']])
  t.strictSame(fieldsOf(check(operations.putCalendar.params, { ...definition, exeptions: [] })), [
    ['exeptions', 'is not known here']
  ])
  t.end()
})

t.test('nobody makes the server write an essay', t => {
  const slots = Array.from({ length: 256 }, (_, n) => `bad ${n}`)
  const fields = fieldsOf(check(operations.lock.params, { calendar: 'demo', slots }))
  t.ok(fields.length > 0 && fields.length <= fieldProblemsMax)
  t.end()
})

t.test('a query text becomes a number only where one is asked for and only when it is one', t => {
  const schema = Type.Object({ n: Type.Integer(), f: Type.Number(), s: Type.String(), b: Type.Boolean() })
  t.strictSame(coerceQuery(schema, { n: '12', f: '-1.5', s: '12', b: 'true', more: '1' }), {
    n: 12,
    f: -1.5,
    s: '12',
    b: true
  })
  for (const n of ['', ' 1', '1e3', '0x10', '1_000', 'NaN', 'Infinity', '9'.repeat(40)]) {
    t.notOk(check(schema, { f: 1, s: '', b: true, ...coerceQuery(schema, { n }) }).ok, JSON.stringify(n))
  }
  t.notOk(check(Type.Object({ s: Type.String() }), coerceQuery(schema, { s: ['a', 'b'] })).ok, 'given twice')
  t.end()
})

t.test('JSON that would poison a prototype is refused however it is spelt', t => {
  for (const text of [
    '{"__proto__":{}}',
    '{"a":[{"\\u005f\\u005fproto__":1}]}',
    '{"constructor":{"prototype":{}}}',
    '{"a":{"b":{"constructor":{"prototype":1}}}}'
  ]) {
    t.notOk(parseJson(text).ok, text)
  }
  for (const text of ['{"constructor":"Jane"}', '{"prototype":1}', '"__proto__"', '["__proto__"]']) {
    t.ok(parseJson(text).ok, text)
  }
  t.end()
})

t.test('JSON is nested to a bound, and brackets by the thousand overflow nothing', t => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  t.ok(parseJson(nested(jsonDepthMax)).ok)
  t.notOk(parseJson(nested(jsonDepthMax + 2)).ok)
  t.notOk(parseJson(nested(500_000)).ok)
  t.end()
})
