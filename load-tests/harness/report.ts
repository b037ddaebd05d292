/** `met` and `missed` speak of a target; `void` says that the machine was too busy to tell; `info` has no target. */
export type Verdict = 'met' | 'missed' | 'void' | 'info'

export interface Figure {
  what: string
  measured: string
  reference?: string | undefined
  target?: string | undefined
  verdict: Verdict
}

/** What one scenario found out on one set-up of stores. */
export class Report {
  readonly figures: Figure[] = []
  readonly violations: string[] = []
  readonly notes: string[] = []
  /** How many times each invariant was looked at; one that was never looked at is a violation by itself. */
  readonly checks = new Map<string, number>()

  constructor(
    readonly scenario: string,
    readonly stores: string
  ) {}

  figure(figure: Figure): void {
    this.figures.push(figure)
  }

  /** Counts a look at an invariant; a look that finds it broken fails the whole run. */
  check(invariant: string, holds: boolean, detail = '', looks = 1): boolean {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + looks)
    // the first few tell the story, ten thousand of them would bury it
    if (!holds && this.violations.length < 20)
      this.violations.push(detail === '' ? invariant : `${invariant}: ${detail}`)
    return holds
  }

  note(text: string): void {
    this.notes.push(text)
  }

  get broken(): boolean {
    return this.violations.length > 0 || this.checks.size === 0 || [...this.checks.values()].includes(0)
  }
}

export const verdictOf = (met: boolean, isVoid: boolean): Verdict =>
  isVoid ? 'void' : met ? 'met' : 'missed'

export function markdownOf(report: Report): string {
  const lines = [`### ${report.scenario} (${report.stores})`, '']
  if (report.figures.length > 0) {
    lines.push('| figure | measured | reference | target | |', '|---|---|---|---|---|')
    for (const { what, measured, reference = '', target = '', verdict } of report.figures)
      lines.push(
        `| ${what} | ${measured} | ${reference} | ${target} | ${verdict === 'info' ? '' : verdict} |`
      )
    lines.push('')
  }
  for (const [invariant, looks] of report.checks) {
    const broken = report.violations.some(violation => violation.startsWith(invariant))
    lines.push(`- ${broken ? '**BROKEN**' : 'held'}, ${looks.toLocaleString('en-US')} looks: ${invariant}`)
  }
  for (const violation of report.violations) lines.push(`- **violation**: ${violation}`)
  for (const note of report.notes) lines.push(`- ${note}`)
  return `${lines.join('\n')}\n`
}

export function summaryOf(reports: readonly Report[]): string {
  const lines = [
    '| scenario | stores | invariants | targets met | missed | void |',
    '|---|---|---|---|---|---|'
  ]
  for (const report of reports) {
    const count = (verdict: Verdict): number => report.figures.filter(f => f.verdict === verdict).length
    const looks = [...report.checks.values()].reduce((sum, n) => sum + n, 0).toLocaleString('en-US')
    const held = report.broken ? `**BROKEN** (${report.violations.length})` : `held (${looks} looks)`
    lines.push(
      `| ${report.scenario} | ${report.stores} | ${held} | ${count('met')} | ${count('missed')} | ${count('void')} |`
    )
  }
  return `${lines.join('\n')}\n`
}
