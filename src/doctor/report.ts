import type { Finding, Severity } from '../domain/finding.js'

export type Area = 'settings' | 'redis' | 'database' | 'webhooks' | 'service'

/** What was looked at in one area, and what was found. */
export interface Examined {
  area: Area
  /** What a person would like to read there when all is well: `redis 7.0.15, 0.2 ms away`. */
  facts: string[]
  findings: Finding[]
}

export interface Report {
  version: string
  mode: string
  worst: Severity | 'well'
  areas: Examined[]
}

const order: readonly (Severity | 'well')[] = ['well', 'info', 'warning', 'critical']

export function reportOf(version: string, mode: string, areas: Examined[]): Report {
  const found = areas.flatMap(({ findings }) => findings.map(({ severity }) => severity))
  const worst = found.reduce<Severity | 'well'>(
    (most, one) => (order.indexOf(one) > order.indexOf(most) ? one : most),
    'well'
  )
  return { version, mode, worst, areas }
}

/** 0: nothing to do. 1: it does not work. 3: it works, and something should be done. (2 is for a command that was not understood.) */
export function exitCodeOf({ worst }: Report): 0 | 1 | 3 {
  return worst === 'critical' ? 1 : worst === 'warning' ? 3 : 0
}

export function textOf({ version, mode, worst, areas }: Report): string {
  const lines = [`slotlock ${version} as it is set up here (${mode})`, '']
  for (const { area, facts, findings } of areas) {
    lines.push(`${area.padEnd(9)}  ${facts.join(', ') || '-'}`)
    for (const { severity, code, what, do: advice } of findings) {
      lines.push(`  ${severity.padEnd(8)} ${code}: ${what}`, `           do: ${advice}`)
    }
  }
  lines.push('', verdicts[worst])
  return `${lines.join('\n')}\n`
}

const verdicts: Record<Severity | 'well', string> = {
  well: 'All is well.',
  info: 'All is well.',
  warning: 'It works. What is marked as a warning should be seen to.',
  critical: 'It does not work as it is.'
}
