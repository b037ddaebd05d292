import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LockView, SlotState } from '../../src/protocol/schemas.js'
import { OwnedProcess } from '../../test/helpers/process.js'
import { atEnd, own } from '../harness/cleanup.js'
import { withoutOurs } from '../harness/cluster.js'
import { readProcessUse } from '../harness/cpu.js'
import { ask, mustAsk } from '../harness/http-client.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { dateOf } from '../harness/slots.js'
import { nowMs } from '../harness/time.js'
import { openTruth } from '../harness/truth.js'

const times = 10
const dayMs = 86_400_000
const bareFastify = fileURLToPath(new URL('../peers/bare-fastify.mjs', import.meta.url))

/** From `npm start` in an empty folder to the first lock that somebody has. */
export const start: Scenario = {
  name: 'start',
  summary:
    'from the start of the process, in an empty folder, to the first answered lock: embedded, against bare Fastify',
  stores: ['embedded'],
  run
}

interface Started {
  process: OwnedProcess
  http: string
  startedMs: number
}

interface Took {
  listensMs: number
  answeredMs: number
  cpuUs: number
}

async function run({ options, report, log }: Context): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slotlock-load-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  let slot: string | undefined

  const slotlock = async (
    data: string,
    expected: 201 | 409
  ): Promise<Took & { lock: LockView | undefined }> => {
    const started = await spawn([options.cli, 'serve'], {
      ...withoutOurs(process.env),
      HOST: '127.0.0.1',
      PORT: '0',
      SLOTLOCK_DATA: data
    })
    const listensMs = nowMs() - started.startedMs
    slot ??= await freeSlot(started.http)
    const { token } = await mustAsk<{ token: string }>(`${started.http}/v1/sessions`, {
      method: 'POST',
      body: {}
    })
    const answer = await ask(`${started.http}/v1/calendars/demo/locks`, {
      method: 'POST',
      token,
      body: { slots: [slot] }
    })
    const took = tookOf(started, listensMs)
    report.check(
      expected === 201
        ? 'the first lock after a first start is granted'
        : 'after a restart somebody else is refused what was locked before it',
      answer.status === expected,
      `${answer.status} ${answer.text}`
    )
    await started.process.kill('SIGTERM')
    const lock = answer.status === 201 ? (JSON.parse(answer.text) as { lock: LockView }).lock : undefined
    return { ...took, lock }
  }
  const bare = async (): Promise<Took> => {
    const started = await spawn([bareFastify], process.env)
    const listensMs = nowMs() - started.startedMs
    await mustAsk(started.http, { method: 'POST', body: {} })
    const took = tookOf(started, listensMs)
    await started.process.kill()
    return took
  }

  // the first of all reads the program from the disk, and learns of a free slot
  await slotlock(join(folder, 'warm-up'), 201)
  await bare()
  const { values, isVoid } = await runRounds(report, options.times ?? times, async index => {
    const data = join(folder, String(index))
    const first = await slotlock(data, 201)
    const truth = await openTruth({ kind: 'sqlite', folder: data })
    const held = (await truth.slots('demo')).find(row => row.slot === slot && row.state === 'locked')
    await truth.close()
    report.check(
      'the lock is in the database when the service has ended',
      held !== undefined && held.token === first.lock?.id,
      `${slot} is held by ${held?.token ?? 'nobody'}`
    )
    const again = await slotlock(data, 409)
    const reference = await bare()
    log(`round ${index + 1}: ${first.answeredMs.toFixed(0)} ms, bare ${reference.answeredMs.toFixed(0)} ms`)
    return { first, again, reference }
  })

  const of = (choose: (round: (typeof values)[number]) => number): number[] => values.map(choose)
  report.side({
    what: 'start to the first answered lock',
    unit: 'ms',
    of: {
      slotlock: of(({ first }) => first.answeredMs),
      'bare Fastify': of(({ reference }) => reference.answeredMs),
      'slotlock, restart': of(({ again }) => again.answeredMs)
    },
    target: { atMost: 500 },
    isVoid
  })
  report.side({
    what: 'start to listening',
    unit: 'ms',
    of: {
      slotlock: of(({ first }) => first.listensMs),
      'bare Fastify': of(({ reference }) => reference.listensMs)
    }
  })
  report.ratio({
    what: 'start to the first answered lock / bare Fastify',
    rounds: of(({ first, reference }) => first.answeredMs / reference.answeredMs)
  })
  report.cpu('start with its first lock', {
    slotlock: of(({ first }) => first.cpuUs),
    'bare Fastify': of(({ reference }) => reference.cpuUs)
  })
}

function tookOf({ process: { pid }, startedMs }: Started, listensMs: number): Took {
  return {
    listensMs,
    answeredMs: nowMs() - startedMs,
    cpuUs: readProcessUse(pid)?.cpuUs ?? Number.NaN
  }
}

/** Up when it has printed its address. */
async function spawn(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Started> {
  const startedMs = nowMs()
  const process_ = own(new OwnedProcess(process.execPath, args, env))
  atEnd(() => process_.kill())
  const listening = /http:\/\/127\.0\.0\.1:\d+/
  for (;;) {
    const http = listening.exec(process_.output)?.[0]
    if (http !== undefined) return { process: process_, http, startedMs }
    if (!process_.running) throw new Error(`the server did not start:\n${process_.output}`)
    await Promise.race([once(process_.child.stdout!, 'data'), once(process_.child, 'exit')])
  }
}

async function freeSlot(http: string): Promise<string> {
  const from = dateOf(Date.now() + 2 * dayMs)
  const { slots } = await mustAsk<{ slots: SlotState[] }>(
    `${http}/v1/calendars/demo/slots?from=${from}&to=${from}`
  )
  const free = slots.find(({ state }) => state === 'free')
  if (free === undefined) throw new Error(`the demo calendar has no free slot on ${from}`)
  return free.slot
}
