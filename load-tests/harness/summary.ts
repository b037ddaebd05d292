import type { Verdict } from './figures.js'
import { type Report, spellTarget } from './report.js'
import { formatSpread } from './stats.js'

/** Reports as Markdown, for the terminal and for the results folder. */

export function markdownOf(report: Report): string {
  const lines = [`### ${report.scenario} (${report.stores})`, '']
  if (report.figures.length > 0) {
    lines.push('| figure | measured | reference | target | |', '|---|---|---|---|---|')
    for (const { what, measured, reference = '', target = '', verdict } of report.figures)
      lines.push(`| ${what} | ${measured} | ${reference} | ${target} | ${spell(verdict)} |`)
    lines.push('')
  }
  for (const [invariant, looks] of report.checks) {
    const broken = report.violations.some(violation => violation.startsWith(invariant))
    lines.push(`- ${broken ? '**BROKEN**' : 'held'}, ${count(looks)} looks: ${invariant}`)
  }
  for (const violation of report.violations) lines.push(`- **violation**: ${violation}`)
  for (const note of report.notes) lines.push(`- ${note}`)
  return `${lines.join('\n')}\n`
}

/** What a run found, on one screen: did the promises hold, how do the ratios lie, what did an operation cost. */
export function summaryOf(reports: readonly Report[]): string {
  return [invariantsOf(reports), ratiosOf(reports), cpuOf(reports)].filter(part => part !== '').join('\n')
}

function invariantsOf(reports: readonly Report[]): string {
  return table(
    ['scenario', 'stores', 'invariants', 'targets met', 'missed', 'void'],
    reports.map(report => {
      const verdicts = (verdict: Verdict): string =>
        String(report.figures.filter(figure => figure.verdict === verdict).length)
      const looks = count([...report.checks.values()].reduce((sum, n) => sum + n, 0))
      const held = report.broken ? `**BROKEN** (${report.violations.length})` : `held (${looks} looks)`
      return [report.scenario, report.stores, held, verdicts('met'), verdicts('missed'), verdicts('void')]
    })
  )
}

function ratiosOf(reports: readonly Report[]): string {
  return table(
    ['scenario', 'stores', 'ratio', 'min / median / max', 'target', ''],
    reports.flatMap(({ scenario, stores, ratios }) =>
      ratios.map(({ what, of, target, verdict }) => [
        scenario,
        stores,
        what,
        formatSpread(of),
        spellTarget(target) ?? '',
        spell(verdict)
      ])
    )
  )
}

function cpuOf(reports: readonly Report[]): string {
  return table(
    ['scenario', 'stores', 'CPU µs per', 'process', 'min / median / max'],
    reports.flatMap(({ scenario, stores, cpuCosts }) =>
      cpuCosts.flatMap(({ operation, of }) =>
        Object.entries(of).map(([name, value]) => [scenario, stores, operation, name, formatSpread(value)])
      )
    )
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}

const spell = (verdict: Verdict): string => (verdict === 'info' ? '' : verdict)
const count = (looks: number): string => looks.toLocaleString('en-US')
