import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import { OwnedProcess, until } from '../helpers/process.js'
import { otherNemeses, redisNemeses } from './nemeses.js'

/**
 * Short runs of the whole thing, each in a process of its own, as a person would start it. The seeds are fixed: what
 * is done and asked for is the same each time, how the machine interleaves it is not.
 */
async function run(t: Test, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const command = ['--import', 'tsx', 'test/chaos/run.ts', ...args]
  const run = new OwnedProcess(process.execPath, command, env)
  // its own end takes all that it started along
  t.teardown(() => run.kill('SIGTERM'))
  await until(`the run with ${args.join(' ')} is over`, () => !run.running, runWithinMs)
  return { code: run.child.exitCode, output: run.output }
}

/** Half a minute where there is room; five times that on a machine that does ten other things. */
const runWithinMs = 280_000
t.setTimeout(4 * runWithinMs)

t.test('no promise is broken, whatever fails around the service', async t => {
  t.ok(existsSync('dist/cli.js'), 'the service is built')
  const { code, output } = await run(t, '--seed', '7', '--for', '20', '--brisk')
  t.equal(code, 0, 'the verdict', { output })
  for (const { name } of [...redisNemeses, ...otherNemeses])
    t.match(output, `| ${name} |`, `${name} was done`)
})

t.test('the same faults and the same checker find out a service without a judge', async t => {
  const { code, output } = await run(
    t,
    '--seed',
    '7',
    '--for',
    '10',
    '--instances',
    '2',
    '--brisk',
    '--naive'
  )
  t.equal(code, 1, 'the verdict', { output })
  t.match(output, /VIOLATED, \d+ looks: a slot has at most one acknowledged holder/)
  t.match(output, /VIOLATED, \d+ looks: an acknowledged lock is not lost while it lives/)
})

t.test('that service passes while nothing fails: it is the faults that the checker sees', async t => {
  const { code, output } = await run(t, '--seed', '7', '--for', '5', '--instances', '2', '--naive', '--calm')
  t.equal(code, 0, 'the verdict', { output })
})
