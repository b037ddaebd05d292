import { percentile } from '../../load-tests/harness/stats.js'
import { excerpt, ofKind } from './checker.js'
import type { Call, Fault, HistoryEvent } from './history.js'
import type { RuleReport } from './verdict.js'

const findingsShownMax = 5

/** What is printed at the end: figures first, verdict last, and in between what was found, with what led to it. */
export function summaryOf(events: readonly HistoryEvent[], reports: readonly RuleReport[]): string {
  const calls = ofKind(events, 'call')
  const faults = ofKind(events, 'fault')
  return [
    ...faultLines(faults, calls),
    '',
    ...callLines(calls),
    '',
    ...serviceLines(events),
    '',
    ...reports.flatMap(report => ruleLines(report, events))
  ].join('\n')
}

/** Nothing found, and nothing left unlooked at. */
export const passed = (reports: readonly RuleReport[]): boolean =>
  reports.every(({ looks, findings }) => looks > 0 && findings.length === 0)

function faultLines(faults: readonly Fault[], calls: readonly Call[]): string[] {
  const granted = calls
    .filter(({ op, answer, result }) => op === 'lock' && answer === 'OK' && result?.lock?.state === 'held')
    .sort((a, b) => a.sentAt - b.sentAt)
  const kinds = new Map<string, { lastedMs: number[]; recoveredMs: number[]; during: number }>()
  for (const fault of faults) {
    const kind = kinds.get(fault.name) ?? { lastedMs: [], recoveredMs: [], during: 0 }
    kinds.set(fault.name, kind)
    kind.lastedMs.push(fault.to - fault.from)
    const here = granted.filter(({ instance }) => fault.instance === undefined || fault.instance === instance)
    kind.during += here.filter(call => call.sentAt >= fault.from && call.receivedAt <= fault.to).length
    const next = here.find(({ sentAt }) => sentAt >= fault.to)
    if (next !== undefined) kind.recoveredMs.push(next.receivedAt - fault.to)
  }
  const rows = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    `${faults.length} faults of ${kinds.size} kinds`,
    '',
    '| fault | times | lasted, median ms | locks granted meanwhile | next lock after it, median and max ms |',
    '|---|---|---|---|---|',
    ...rows.map(
      ([name, { lastedMs, recoveredMs, during }]) =>
        `| ${name} | ${lastedMs.length} | ${ms(percentile(lastedMs, 50))} | ${during} | ` +
        `${ms(percentile(recoveredMs, 50))}, ${ms(Math.max(...recoveredMs))} |`
    )
  ]
}

function callLines(calls: readonly Call[]): string[] {
  const ops = [...new Set(calls.map(({ op }) => op))].sort()
  return [
    `${calls.length} calls`,
    '',
    '| call | times | outcomes |',
    '|---|---|---|',
    ...ops.map(op => {
      const those = calls.filter(call => call.op === op)
      const counts = new Map<string, number>()
      for (const { answer } of those) counts.set(answer, (counts.get(answer) ?? 0) + 1)
      const outcomes = [...counts]
        .sort(([, a], [, b]) => b - a)
        .map(([answer, count]) => `${count} ${answer}`)
      return `| ${op} | ${those.length} | ${outcomes.join(', ')} |`
    })
  ]
}

function serviceLines(events: readonly HistoryEvent[]): string[] {
  const memory = ofKind(events, 'memory').map(({ rssBytes }) => rssBytes)
  const pushes = ofKind(events, 'push')
  const looks = ofKind(events, 'look')
  const aftermath = ofKind(events, 'aftermath')[0]
  const hooks = ofKind(events, 'webhook')
  return [
    `${pushes.length} pushes and snapshots were read by ${new Set(pushes.map(({ watcher }) => watcher)).size} watchers`,
    `${looks.length} looks at the database`,
    `an instance took ${Math.round(Math.max(0, ...memory) / 2 ** 20)} MiB at most`,
    ...(aftermath === undefined
      ? []
      : [
          `after the last fault everybody agreed within ${ms(aftermath.convergedAfterMs)} ms`,
          `the host took ${hooks.filter(({ taken }) => taken).length} of ${hooks.length} webhooks, ` +
            `${new Set(hooks.map(({ id }) => id)).size} different ones, all of them ${ms(aftermath.toldAfterMs ?? Number.NaN)} ms after the last request`
        ])
  ]
}

function ruleLines({ rule, looks, findings }: RuleReport, events: readonly HistoryEvent[]): string[] {
  const word = findings.length > 0 ? 'VIOLATED' : looks === 0 ? 'NEVER LOOKED AT' : 'held'
  const lines = [`- ${word}, ${looks} looks: ${rule}`]
  for (const { what, calls = [] } of findings.slice(0, findingsShownMax)) {
    lines.push(`    ${what}`)
    if (calls.length > 0) lines.push(...excerpt(calls, events).map(line => `      ${line}`))
  }
  if (findings.length > findingsShownMax) lines.push(`    and ${findings.length - findingsShownMax} more`)
  return lines
}

const ms = (value: number): string => (Number.isFinite(value) ? String(Math.round(value)) : 'n/a')
