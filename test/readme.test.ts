import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { scenarios } from '../load-tests/scenarios/index.js'
import { configTable } from '../src/config.js'
import { closeCodes, errorCodes } from '../src/protocol/codes.js'
import { environment, Instance } from './helpers/instance.js'

/** The README's examples do what the README says, and its tables are those of the program. */
const readme = readFileSync('README.md', 'utf8')

const examples = new Map(
  [...readme.matchAll(/<!-- example: (\S+) -->\n```sh\n([\s\S]*?)\n```/g)].map(([, name, script]) => [
    name!,
    script!
  ])
)

/** As somebody would who pastes it into a terminal, in the checkout, with the server of `npm start` running. */
async function run(name: string, settings: Record<string, string>): Promise<string> {
  const script = examples.get(name)
  if (script === undefined) throw new Error(`README.md has no example ${name}`)
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    env: environment(settings),
    timeout: 60_000
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, 'close')
  ])
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}${stdout}`)
  return stdout
}

t.test('the examples', async t => {
  const data = mkdtempSync(join(tmpdir(), 'slotlock-readme-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const settings = { SLOTLOCK_DATA: data }
  const { url } = await Instance.start(t, settings)
  const surroundings = { ...settings, URL: url }
  t.strictSame(
    [...examples.keys()],
    ['http', 'websocket', 'calendar', 'client', 'autocannon'],
    'each of them is run here'
  )

  await t.test(
    'two visitors want one slot by HTTP: one gets it, the other hears when to try again',
    async t => {
      const [refused, booked, seen, ...rest] = (await run('http', surroundings)).trim().split('\n')
      t.strictSame(rest, [])
      const problem = JSON.parse(refused!)
      t.match(problem, { status: 409, code: 'SLOT_UNAVAILABLE', retryable: false })
      const [conflict] = problem.details.conflicts
      t.equal(conflict.state, 'locked')
      t.ok(conflict.expiresInMs > 590_000 && conflict.expiresInMs <= 600_000)
      t.match(JSON.parse(booked!), {
        booking: { slots: [conflict.slot], customer: { name: 'Ann' }, state: 'booked' }
      })
      t.equal(seen, 'booked')
      const printed = /```json\n(\{ "type": "urn:slotlock[\s\S]*?)\n```/.exec(readme)?.[1]
      t.strictSame(
        shapeOf(JSON.parse(printed!)),
        shapeOf(problem),
        'the answer that is printed has its shape'
      )
    }
  )

  await t.test('the same by WebSocket: the one who loses is told of each change', async t => {
    const lines = (await run('websocket', surroundings)).trim().split('\n')
    const told = lines.filter(line => line.startsWith('Bob is told '))
    t.match(told[0], /"type":"slots".*"state":"locked"/)
    t.ok(told.some(line => line.includes('"state":"booked"')))
    const gets = lines.find(line => line.startsWith('Bob gets '))
    t.match(JSON.parse(gets!.slice('Bob gets '.length)), { code: 'SLOT_UNAVAILABLE', retryable: false })
    t.ok(lines.some(line => line.startsWith('Ann is told ') && line.includes('"type":"lock"')))
    t.equal(
      lines.find(line => line.startsWith('now it is')),
      'now it is booked'
    )
  })

  await t.test('the same with the client: what Bob sees is kept up to date', async t => {
    const lines = (await run('client', surroundings)).trim().split('\n')
    t.match(
      lines.find(line => line.startsWith('Ann has')),
      /^Ann has (59\d|600) seconds left$/
    )
    t.ok(lines.includes('Bob gets SLOT_UNAVAILABLE locked'))
    t.strictSame(
      lines.filter(line => line.startsWith('Bob sees')),
      ['Bob sees locked', 'Bob sees booked']
    )
  })

  await t.test('an admin defines a calendar with a token of the command line', async t => {
    const defined = JSON.parse(await run('calendar', surroundings))
    t.match(defined, {
      id: 'barber',
      timeZone: 'Europe/Paris',
      slotMinutes: 20,
      resources: [{ id: 'chair-1' }]
    })
    const closed = await fetch(`${url}/v1/calendars/barber/slots?from=2026-12-26&to=2026-12-26`)
    t.match(await closed.json(), { slots: [] }, 'a Saturday that is closed')
    const open = await fetch(`${url}/v1/calendars/barber/slots?from=2026-12-19&to=2026-12-19`)
    const { slots } = (await open.json()) as { slots: unknown[] }
    t.equal(slots.length, 18, 'a Saturday that is not')
  })

  await t.test('a thousand locks with autocannon, each of them granted', async t => {
    t.match(await run('autocannon', surroundings), /│ 201 +│ 1000 +│/)
  })
})

/** Its members' names and the kinds of their values, without the trace of one request. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== 'object' || value === null) return typeof value
  const members = Object.entries(value).filter(([name]) => !['detail', 'message', 'requestId'].includes(name))
  return Object.fromEntries(members.map(([name, member]) => [name, shapeOf(member)]))
}

/** The rows of the table that begins with this heading, each cell without its back quotes. */
function tableOf(heading: string): string[][] {
  const lines = readme.split('\n')
  const start = lines.indexOf(heading)
  if (start < 0) throw new Error(`README.md has no table ${heading}`)
  const after = lines.slice(start + 2)
  return after
    .slice(
      0,
      after.findIndex(line => !line.startsWith('|'))
    )
    .map(line =>
      line
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim().replaceAll('`', ''))
    )
}

t.test('the table of settings is the program’s own', async t => {
  t.strictSame(
    tableOf('| variable | meaning | default |'),
    configTable().map(({ name, meaning, default: fallback }) => [name, meaning, fallback])
  )
})

t.test('the tables of errors and close codes are those of the protocol', async t => {
  const rows = tableOf('| code | HTTP | what to do |').flatMap(([codes, status]) =>
    codes!.split(', ').map(code => [code, Number.parseInt(status!, 10)])
  )
  const byName = (one: unknown[], other: unknown[]) => String(one[0]).localeCompare(String(other[0]))
  t.strictSame(
    rows.sort(byName),
    Object.entries(errorCodes)
      .map(([code, { status }]) => [code, status])
      .sort(byName)
  )
  t.strictSame(
    tableOf('| close code | when | what to do |').map(([code]) => Number(code)),
    Object.values(closeCodes)
  )
})

t.test('what shows that the forerunners’ promises are kept can be run', async t => {
  const section = /## What the forerunners promised\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? ''
  const rows = section.split('\n').filter(line => /^\| (?!.*\| kept how \|)(?!---)/.test(line))
  t.ok(rows.length > 30)
  const shown = rows.map(row => row.split(' | ').at(-1)!)
  for (const [index, cell] of shown.entries()) t.match(cell, /`.+`/, rows[index]!)
  const commands = shown.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, command]) => command!))
  for (const command of new Set(commands)) {
    const [, kind, rest] = /^(tap|npm run load --|npm run chaos --) (.+)$/.exec(command) ?? []
    // tap takes files, and finds nothing in a folder
    if (kind === 'tap')
      for (const path of rest!.split(' '))
        t.ok(path.endsWith('/*.test.ts') ? existsSync(dirname(path)) : statSync(path).isFile(), path)
    else if (kind === 'npm run load --')
      t.ok(
        scenarios.some(({ name }) => name === rest),
        command
      )
    else t.equal(kind, 'npm run chaos --', command)
  }
})
