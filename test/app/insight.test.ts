import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { errorCodes } from '../../src/protocol/codes.js'
import { noLockLimits } from '../../src/transport/settings.js'
import { runCli } from '../helpers/instance.js'
import { until } from '../helpers/process.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { WebhookReceiver, webhookSecret } from '../helpers/webhook-receiver.js'
import { Clinic, calendar } from './clinic.js'

t.setTimeout(300_000)

/** The dashboard and the alert rules speak of what an instance shows, and of nothing else. */

interface Expression {
  where: string
  text: string
}

interface Panel {
  title: string
  type: string
  targets?: { expr: string }[]
}

const dashboard = JSON.parse(readFileSync('src/deploy/grafana-dashboard.json', 'utf8')) as { panels: Panel[] }
const rules = (
  parse(readFileSync('src/deploy/alerts.yml', 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap(group => group.rules)
interface Rule {
  alert: string
  expr: string
  for?: string
  labels: { severity: string }
  annotations: { summary: string; description: string }
}

const expressions: Expression[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: title, text: expr }))
  ),
  ...rules.map(({ alert, expr }) => ({ where: alert, text: expr }))
]

/** What an expression asks for that a page does not have. */
function strangers({ text }: Expression, page: string): string[] {
  const missing: string[] = []
  for (const [, name = '', matchers = ''] of text.matchAll(
    /\b((?:slotlock|process|nodejs)_\w+)(?:\{([^}]*)\})?/g
  )) {
    const declared = page.includes(`# TYPE ${name} `)
    const base = name.replace(/_(bucket|count|sum)$/, '')
    const ofHistogram = base !== name && page.includes(`# TYPE ${base} histogram`)
    if (!declared && !ofHistogram) missing.push(name)
    for (const [, label = ''] of matchers.matchAll(/(\w+)=~?"/g)) {
      // Prometheus adds these two
      if (!['job', 'instance'].includes(label) && !labelsOf(base, page).has(label))
        missing.push(`${name}{${label}}`)
    }
  }
  return missing
}

const labelsOf = (base: string, page: string): Set<string> =>
  new Set(
    [...page.matchAll(new RegExp(`^${base}(?:_bucket|_count|_sum)?\\{([^}]*)\\}`, 'gm'))].flatMap(
      ([, labels]) => [...labels!.matchAll(/(\w+)="/g)].map(([, label]) => label!)
    )
  )

t.test('every metric and label of the dashboard and the alerts is shown by an instance', async t => {
  const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!
  const receiver = await WebhookReceiver.start(t)
  const world = await startWorld(
    t,
    { ...redisAndSql, instances: 1 },
    {
      settings: {
        SLOTS_PER_LOCK_MAX: '8',
        LOCKED_SLOTS_PER_ADDRESS_MAX: '8',
        WEBHOOK_URL: receiver.url,
        WEBHOOK_SECRET: webhookSecret
      }
    }
  )
  const clinic = new Clinic(t, world)
  await clinic.open()
  const ann = await clinic.ann('ws')
  await ann.must('lock', { calendar, slots: clinic.slots(1) })
  // one more than an address may have, so that what is counted then is there to be seen
  t.match(await ann.ask('lock', { calendar, slots: clinic.slots(8) }), { error: { code: 'RATE_LIMITED' } })
  const page = await (await world.a.get('/metrics')).text()

  t.ok(expressions.length > 40)
  for (const expression of expressions) {
    t.strictSame(strangers(expression, page), [], `${expression.where}: ${expression.text}`)
  }
  t.strictSame(strangers({ where: 'twin', text: 'rate(slotlock_made_up_total[5m])' }, page), [
    'slotlock_made_up_total'
  ])
  t.strictSame(strangers({ where: 'twin', text: 'slotlock_limited_total{made="up"}' }, page), [
    'slotlock_limited_total{made}'
  ])

  t.match(page, /^slotlock_build_info\{version="[\d.]+",mode="redis\+sql"\} 1$/m)
  for (const call of ['reserve', 'settle']) {
    t.match(
      page,
      new RegExp(`^slotlock_store_call_duration_seconds_count\\{store="redis",call="${call}"\\} [1-9]`, 'm')
    )
  }
  t.match(page, /^slotlock_store_call_duration_seconds_count\{store="sql",call="transaction"\} [1-9]/m)
  t.match(page, /^slotlock_limited_total\{limit="slotsPerAddressMax"\} 1$/m)
  t.match(page, /^slotlock_redis_in_use 1$/m)

  // the same instance, by way of the read cache
  const stats = async (token?: string) =>
    (await fetch(`${world.a.url}/v1/cache/stats`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` }
    }).then(answer => answer.json())) as Record<string, unknown>
  t.match(await stats(), { code: 'UNAUTHENTICATED' })
  t.match(await stats(ann.token), { code: 'FORBIDDEN' })
  t.match(await stats(world.tokenOf('staff')), { keptIn: 'redis', hitRate: Number })
  const { code, stdout, stderr } = await runCli(
    ['warm', '--calendar', calendar, '--days', '3'],
    world.settings
  )
  t.equal(code, 0, stderr)
  const warmed = JSON.parse(stdout) as Record<string, number>
  t.match(warmed, { calendars: 1, days: warmed.filled })
  t.ok(warmed.filled! >= 3, `${warmed.filled} days`)
  await until('a reading is a hit, and counted', async () => {
    await clinic.read()
    const { hits, hitRate, totalKeys, memoryUsage } = await stats(world.tokenOf('staff'))
    return Number(hits) > 0 && Number(hitRate) > 0 && Number(totalKeys) > 0 && Number(memoryUsage) > 0
  })
  for (const args of [
    ['--calendar', 'Clinic'],
    ['--days', '0'],
    ['--calendar', 'nobody']
  ]) {
    t.equal((await runCli(['warm', ...args], world.settings)).code, 2, args.join(' '))
  }
  t.match(world.a.log, /warmed up \d+ of \d+ days in \d+ ms/)
})

t.test('every metric is named by the rules: a unit at the end, _total for what only grows', async t => {
  const { a } = await startWorld(t, setUps.find(({ name }) => name === 'embedded')!)
  const page = await (await a.get('/metrics')).text()
  const types = [...page.matchAll(/^# TYPE (slotlock_\w+) (\w+)$/gm)]
  t.ok(types.length > 20)
  for (const [, name = '', type] of types) {
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
    t.notMatch(name, /_(ms|millis|milliseconds|kb|mb|percent)(_|$)/, 'seconds, bytes, ratios')
    t.match(page, new RegExp(`^# HELP ${name} \\S`, 'm'))
  }
})

t.test('what the alerts match against exists, and each says what to do', async t => {
  for (const { alert, expr, labels, annotations } of rules) {
    t.match(alert, /^Slotlock[A-Z]\w+$/)
    t.match(labels.severity, /^(critical|warning)$/)
    t.ok(annotations.summary.length > 10 && annotations.description.length > 20, alert)
    for (const [, outcomes = ''] of expr.matchAll(/outcome=~?"([^"]+)"/g)) {
      for (const outcome of outcomes.split('|')) t.ok(outcome in errorCodes, outcome)
    }
    for (const [, limit = ''] of expr.matchAll(/limit="(\w+)"/g)) t.ok(limit in noLockLimits, limit)
  }
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
})
