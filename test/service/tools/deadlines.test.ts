import * as fc from 'fast-check'
import t from 'tap'
import { Deadlines } from '../../../src/service/tools/deadlines.js'

t.test('it is a map of times, out of which the earliest is taken', async t => {
  const key = fc.integer({ min: 0, max: 12 })
  const step = fc.oneof(
    fc.record({ what: fc.constant('set' as const), key, at: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ what: fc.constant('delete' as const), key, at: fc.constant(0) }),
    fc.record({
      what: fc.constant('take' as const),
      key: fc.constant(0),
      at: fc.integer({ min: 0, max: 50 })
    })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), steps => {
      const model = new Map<number, number>()
      const deadlines = new Deadlines<number>(8)
      for (const { what, key, at } of steps) {
        if (what === 'set') {
          const room = model.has(key) || model.size < 8
          if (deadlines.set(key, at) !== room) return false
          if (room) model.set(key, at)
        } else if (what === 'delete') {
          deadlines.delete(key)
          model.delete(key)
        } else {
          const taken = deadlines.takeDue(at)
          const earliest = Math.min(...model.values())
          if (earliest > at ? taken !== undefined : model.get(taken ?? -1) !== earliest) return false
          if (taken !== undefined) model.delete(taken)
        }
        const next = model.size === 0 ? undefined : Math.min(...model.values())
        if (deadlines.nextAt() !== next || deadlines.size !== model.size) return false
      }
      return true
    })
  )
  t.pass('for any order of setting, deleting and taking')
})

t.test('what ended early is not kept for its time', async t => {
  const deadlines = new Deadlines<number>(100)
  const before = process.memoryUsage().heapUsed
  for (let key = 0; key < 500_000; key++) {
    deadlines.set(key, 600_000 + key)
    deadlines.delete(key)
  }
  t.ok(process.memoryUsage().heapUsed - before < 20_000_000)
  t.equal(deadlines.nextAt(), undefined)
})
