import fc from 'fast-check'
import t from 'tap'
import { type GeneratorLoad, voidReasons, watchOwnLoad } from '../../load-tests/harness/lag.js'
import { parseOptions } from '../../load-tests/harness/options.js'
import { Report } from '../../load-tests/harness/report.js'
import { runRounds } from '../../load-tests/harness/rounds.js'
import { logLogSlope, percentile, slope, spread } from '../../load-tests/harness/stats.js'
import { encodeFrame, FrameReader, opcodes } from '../../load-tests/harness/ws-frames.js'

/** What the load tests measure with must be right itself: a generator that flatters says nothing of a server. */

const rested: GeneratorLoad = { lagP99Ms: 2, cpuShare: 0.4, forMs: 3_000 }

t.test('a percentile is an answer that somebody waited for', async t => {
  t.equal(percentile([1, 2, 3, 100], 50), 2)
  t.equal(percentile([1, 2, 3, 100], 99), 100)
  t.ok(Number.isNaN(percentile([], 50)))
  t.match(spread([3, Number.NaN, 1, 2]), { min: 1, median: 2, max: 3, rounds: 3 })
})

t.test('growth: nothing is 0, in proportion is 1, with the square is 2', async t => {
  const costs = (of: (size: number) => number) => [10, 100, 1_000].map(size => ({ size, cost: of(size) }))
  t.ok(Math.abs(logLogSlope(costs(() => 7))) < 1e-9)
  t.ok(Math.abs(logLogSlope(costs(size => 3 * size)) - 1) < 1e-9)
  t.ok(Math.abs(logLogSlope(costs(size => size * size)) - 2) < 1e-9)
  t.ok(
    Math.abs(slope(costs(size => 5 + 0.25 * size)) - 0.25) < 1e-9,
    'cost per one more, whatever it starts from'
  )
  t.ok(Number.isNaN(logLogSlope([{ size: 10, cost: 1 }])), 'one size shows no growth')
})

t.test(
  'a round does not count when the generator was the bottleneck, or the machine was given to others',
  async t => {
    t.strictSame(voidReasons([rested], 0), [])
    t.equal(voidReasons([rested, { ...rested, lagP99Ms: 11 }], 0).length, 1, 'one process of many is enough')
    t.equal(voidReasons([{ ...rested, cpuShare: 0.9 }], 0).length, 1)
    t.strictSame(voidReasons([{ ...rested, cpuShare: 0.9, forMs: 100 }], 0), [], 'of a moment nobody can say')
    t.equal(voidReasons([rested], 0.03).length, 1)
  }
)

t.test('a generator that is blocked knows that it was late', async t => {
  const load = watchOwnLoad()
  const end = performance.now() + 80
  while (performance.now() < end) {
    // what was answered meanwhile lies unread
  }
  const { lagP99Ms } = load()
  t.ok(lagP99Ms > 60)
  t.not(voidReasons([{ ...rested, lagP99Ms }], 0).length, 0)
})

t.test('rounds that do not count are run again, twice as many at most, and then judge nothing', async t => {
  const report = new Report('trial', 'none')
  let ran = 0
  const { values, isVoid } = await runRounds(report, 3, async (index, _addLoads, spoil) => {
    ran += 1
    spoil('the reference was slow')
    return index
  })
  t.equal(ran, 6)
  t.strictSame(values, [0, 1, 2, 3, 4, 5])
  t.ok(isVoid)
  t.match(report.notes[0], /6 of 6 rounds void: .*the reference was slow/)
})

t.test('frames are the same however the network cuts them', async t => {
  // a header has one of three forms, by the length of what follows
  const length = fc.oneof(fc.nat(130), fc.integer({ min: 65_530, max: 65_540 }))
  const texts = fc.array(
    length.map(size => 'slot'.repeat(size / 4 + 1).slice(0, size)),
    { minLength: 1, maxLength: 5 }
  )
  const same = () =>
    fc.assert(
      fc.property(texts, fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(text => unmasked(encodeFrame(opcodes.text, Buffer.from(text)))))
        const got: string[] = []
        const reader = new FrameReader((_opcode, payload) => got.push(payload.toString()))
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length]!
          reader.push(stream.subarray(at, at + size))
          at += size
        }
        return got.length === sent.length && got.every((text, at) => text === sent[at])
      }),
      { numRuns: 20 }
    )
  t.doesNotThrow(same)
})

/** As a server sends it: the mask, which is zeros, is left out. */
function unmasked(frame: Buffer): Buffer {
  const bare = Buffer.from(frame)
  bare[1]! &= 0x7f
  const maskAt = bare[1] === 126 ? 4 : bare[1] === 127 ? 10 : 2
  return Buffer.concat([bare.subarray(0, maskAt), bare.subarray(maskAt + 4)])
}

t.test('the command line says what is run', async t => {
  const now = new Date('2031-01-15T14:00:00.123Z')
  t.match(parseOptions(['a', '--only', 'b,c', '--for', '3', '--seed', '7'], now), {
    names: ['a', 'b', 'c'],
    forS: 3,
    seed: 7,
    stores: ['embedded', 'sql', 'redis'],
    out: 'load-results/2031-01-15T140000-seed7'
  })
  t.match(parseOptions(['--list'], now), { list: true, names: [] })
  t.throws(() => parseOptions(['--for', 'ever'], now), /--for ever/)
  t.throws(() => parseOptions(['--stores', 'mongo'], now), /--stores mongo/)
  t.throws(() => parseOptions(['--fast'], now), /--fast/)
})
