import t from 'tap'
import { Cycle } from '../../../src/service/tools/cycle.js'
import { SteppedTime } from '../../helpers/stepped-time.js'

function cycleOf(run: () => Promise<number>) {
  const time = new SteppedTime(0)
  return { time, cycle: new Cycle({ clock: time, timers: time }, run) }
}

t.test('each run says when the next one is', async t => {
  const at: number[] = []
  const { time, cycle } = cycleOf(async () => {
    at.push(time.now())
    return at.length * 100
  })
  cycle.start(50)
  cycle.start()
  await time.step(700)
  t.same(at, [50, 150, 350, 650])
})

t.test('two runs never overlap, and a long one puts off the next', async t => {
  let end = (): void => {}
  let underway = 0
  let most = 0
  const { time, cycle } = cycleOf(async () => {
    underway += 1
    most = Math.max(most, underway)
    await new Promise<void>(resolve => {
      end = resolve
    })
    underway -= 1
    return 10
  })
  cycle.start()
  await time.step(100)
  cycle.hurry(0)
  await time.step(100)
  end()
  await time.step(100)
  t.equal(most, 1)
  t.equal(underway, 1, 'the next one began')
  end()
  await time.step(1)
  await cycle.stop()
})

t.test('it can be hurried and never put off, also while it runs', async t => {
  const at: number[] = []
  const { time, cycle } = cycleOf(async () => {
    at.push(time.now())
    if (at.length === 2) cycle.hurry(5)
    return 1_000
  })
  cycle.start(500)
  cycle.hurry(900)
  await time.step(100)
  cycle.hurry(20)
  await time.step(1_000)
  t.same(at, [120, 1_120].slice(0, at.length))
  await time.step(100)
  t.same(at, [120, 1_120, 1_125])
})

t.test('stopping waits for the run under way, and nothing runs after', async t => {
  let end = (): void => {}
  let runs = 0
  const { time, cycle } = cycleOf(async () => {
    runs += 1
    await new Promise<void>(resolve => {
      end = resolve
    })
    return 0
  })
  cycle.start()
  await time.step(1)
  let stopped = false
  const stopping = cycle.stop().then(() => {
    stopped = true
  })
  await time.rest()
  t.notOk(stopped)
  end()
  await stopping
  cycle.start()
  cycle.hurry(0)
  await time.step(1_000)
  t.equal(runs, 1)
  t.equal(time.timers, 0)
})
