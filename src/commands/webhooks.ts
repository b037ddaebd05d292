import { pino } from 'pino'
import { openStore, packageVersion, systemClock } from '../app.js'
import { sendAs } from '../app-webhooks.js'
import { type Config, ConfigError, readConfig } from '../config.js'
import type { DeadLetter, EndpointStanding, WebhookStore } from '../domain/webhook-store.js'
import { newSqlStats } from '../stores/sql/dialect.js'
import { type Endpoint, endpointsOf, shownUrl } from '../webhooks/endpoint.js'
import { auditTypesOf, bodyOf, messageIdOf, parseSeq } from '../webhooks/event.js'
import { verdictOf, wordsOf } from '../webhooks/judge.js'
import { ping } from '../webhooks/ping.js'
import { options } from './arguments.js'
import { parseDuration } from './times.js'
import { UsageError } from './usage-error.js'

/** Of one endpoint, the latest; all of them are replayed or discarded. */
const deadShownMax = 20

/**
 * What the host has been told and what not. Lists; or sends again, forgets, tries out. Exit code 0: all is told or on
 * its way; 3: there are dead letters, or an endpoint asked for nothing more; 1: an endpoint did not take the test, or
 * there was nothing to send again.
 */
export async function webhooks(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const [action = 'list', ...rest] = args[0]?.startsWith('-') ? ['list', ...args] : args
  const act = actions[action]
  if (act === undefined) throw new UsageError(`webhooks knows no '${action}': replay, discard or test`)
  await act(env, rest)
}

type Act = (env: NodeJS.ProcessEnv, args: string[]) => Promise<void>

const actions: Readonly<Record<string, Act>> = { list, replay, discard, test }
const ofEndpoint = { endpoint: { type: 'string' } } as const
const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function list(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const { json } = options({ args, options: { json: { type: 'boolean' } } })
  const config = readConfig(env)
  const endpoints = endpointsOf(config.webhooks.urls)
  const found = await withOutbox(config, async outbox => {
    const standings = await outbox.readStandings()
    return Promise.all(
      standings.map(async standing => ({
        ...standing,
        number: endpoints.find(({ key }) => key === standing.endpoint)?.number,
        letters: await outbox.readDead(standing.endpoint, deadShownMax)
      }))
    )
  })
  found.sort((one, other) => (one.number ?? Infinity) - (other.number ?? Infinity))
  if (json) {
    print(JSON.stringify({ endpoints: found.map(standing => asJson(standing, endpoints)) }, null, 2))
  } else {
    if (endpoints.length === 0) print('WEBHOOK_URL is not set: nobody is told of anything')
    for (const endpoint of endpoints) {
      if (!found.some(({ number }) => number === endpoint.number))
        print(`endpoint ${endpoint.number}  ${shownUrl(endpoint.url)}  no instance has sent to it yet`)
    }
    for (const standing of found) for (const line of linesOf(standing, endpoints)) print(line)
  }
  // one that was taken out of the settings is shown, and no alarm
  if (found.some(({ number, gone, dead }) => number !== undefined && (gone || dead > 0))) process.exitCode = 3
}

type Found = EndpointStanding & { number: number | undefined; letters: DeadLetter[] }

function linesOf(
  { number, gone, waiting, dead, oldestWaitingMs, letters }: Found,
  endpoints: Endpoint[]
): string[] {
  const name =
    number === undefined
      ? 'no endpoint of WEBHOOK_URL any more'
      : `endpoint ${number}  ${shownUrl(endpoints[number - 1]!.url)}`
  const oldest = waiting === 0 ? '' : `, the oldest for ${Math.ceil(oldestWaitingMs / 1_000)} s`
  return [
    `${name}  ${gone ? 'answered 410 and is sent nothing' : 'open'}: ${waiting} waiting${oldest}; ${dead} dead`,
    ...letters.map(({ event, changeId, attempts, answer, diedAtMs }) => {
      const when = new Date(diedAtMs).toISOString()
      return `  dead  ${messageIdOf(changeId, event.id)}  ${bodyOf(event).type}  ${event.calendar}  given up ${when} after ${attempts} attempts: ${answer}`
    }),
    ...(dead > letters.length ? [`  and ${dead - letters.length} more`] : [])
  ]
}

function asJson({ number, letters, endpoint: _, ...standing }: Found, endpoints: Endpoint[]): object {
  return {
    number: number ?? null,
    url: number === undefined ? null : shownUrl(endpoints[number - 1]!.url),
    ...standing,
    deadLetters: letters.map(({ event, changeId, attempts, answer, diedAtMs }) => ({
      id: messageIdOf(changeId, event.id),
      event: bodyOf(event),
      attempts,
      answer,
      diedAt: diedAtMs
    }))
  }
}

async function replay(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = options({
    args,
    options: { dead: { type: 'boolean' }, id: { type: 'string' }, since: { type: 'string' }, ...ofEndpoint }
  })
  if ([given.dead, given.id, given.since].filter(value => value !== undefined).length !== 1)
    throw new UsageError('webhooks replay needs one of --dead, --id ID and --since TIME')
  const seq = given.id === undefined ? undefined : parseSeq(given.id)
  if (given.id !== undefined && seq === undefined)
    throw new UsageError(`--id ${given.id} is no id of a webhook: its webhook-id, or the seq in its data`)
  const sinceMs = given.since === undefined ? undefined : parseSince(given.since)
  const config = readConfig(env)
  const types = auditTypesOf(config.webhooks.types)
  const endpoints = chosen(config, given.endpoint)
  const count = await withOutbox(config, async outbox => {
    let sum = 0
    for (const { key } of endpoints) {
      await outbox.register([key])
      await outbox.setGone(key, false)
      if (seq !== undefined) sum += await outbox.replay(key, { seq })
      else if (sinceMs !== undefined) sum += await outbox.replay(key, { sinceMs, types })
      else sum += await outbox.replayDead(key)
    }
    return sum
  })
  print(`${count} webhooks wait to be sent again; an instance that runs sends them`)
  if (count > 0 || seq === undefined) return
  process.stderr.write(`slotlock: the audit trail has no event ${given.id}\n`)
  process.exitCode = 1
}

async function discard(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const { dead, endpoint } = options({ args, options: { dead: { type: 'boolean' }, ...ofEndpoint } })
  if (dead !== true)
    throw new UsageError('webhooks discard needs --dead: only what was given up is forgotten')
  const config = readConfig(env)
  const endpoints = chosen(config, endpoint)
  const count = await withOutbox(config, async outbox => {
    let sum = 0
    for (const { key } of endpoints) sum += await outbox.discardDead(key)
    return sum
  })
  print(`${count} dead letters are forgotten`)
}

async function test(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = options({ args, options: ofEndpoint })
  const config = readConfig(env)
  const send = sendAs(config, await packageVersion(), systemClock)
  for (const { number, key, url } of chosen(config, given.endpoint)) {
    const answer = await ping(send, url, systemClock.now())
    const took = verdictOf(answer) === 'delivered'
    print(`endpoint ${number}  ${shownUrl(url)}  ${took ? 'took it' : 'did not take it'}: ${wordsOf(answer)}`)
    if (!took) process.exitCode = 1
    else await withOutbox(config, outbox => outbox.setGone(key, false))
  }
}

function chosen(config: Config, number: string | undefined): Endpoint[] {
  const endpoints = endpointsOf(config.webhooks.urls)
  if (endpoints.length === 0) throw new ConfigError(['WEBHOOK_URL is not set: there is no endpoint'])
  if (number === undefined) return endpoints
  const one = endpoints.find(endpoint => String(endpoint.number) === number)
  if (one === undefined)
    throw new UsageError(`--endpoint ${number} is none of 1 to ${endpoints.length}, the order of WEBHOOK_URL`)
  return [one]
}

function parseSince(text: string): number {
  const ago = parseDuration(text)
  if (ago !== undefined) return systemClock.now() - ago
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at))
    throw new UsageError(`--since ${text} is no time: 2026-01-15T09:00Z, or how long ago: 30m, 8h, 2d`)
  return at
}

async function withOutbox<T>(config: Config, use: (outbox: WebhookStore) => Promise<T>): Promise<T> {
  const log = pino({ level: 'silent' })
  const store = await openStore(config, { log, clock: systemClock, random: Math.random }, newSqlStats())
  try {
    return await use(store.webhooks())
  } finally {
    await store.close()
  }
}
