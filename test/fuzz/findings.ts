/** What went wrong, with the case that did it and the last things that it sent. */
export interface Finding {
  rule: string
  detail: string
  /** Absent: nobody's in particular. */
  caseNumber: number | undefined
  steps: readonly string[]
}

/** So many are kept; whoever has seen ten of a kind has seen them all. */
const findingsMax = 200
const toldPerRuleMax = 3

export class Findings {
  readonly all: Finding[] = []

  add(rule: string, detail: string, from?: { number: number; steps: readonly string[] }): void {
    if (this.all.length >= findingsMax) return
    this.all.push({
      rule,
      detail: detail.slice(0, 1_500),
      caseNumber: from?.number,
      steps: from?.steps.slice(-12) ?? []
    })
  }

  /** For a person, with how to see each again. */
  told(replay: (caseNumber: number) => string): string {
    const rules = new Set(this.all.map(({ rule }) => rule))
    return [...rules]
      .flatMap(rule => {
        const same = this.all.filter(finding => finding.rule === rule)
        return [
          `${rule}: ${same.length} times`,
          ...same.slice(0, toldPerRuleMax).flatMap(finding => tell(finding, replay))
        ]
      })
      .join('\n')
  }
}

function tell({ detail, caseNumber, steps }: Finding, replay: (caseNumber: number) => string): string[] {
  if (caseNumber === undefined) return [`  ${detail}`]
  return [
    `  ${detail.slice(0, 700)}`,
    `    again: ${replay(caseNumber)}`,
    ...steps.map(step => `      ${step.slice(0, 300)}`)
  ]
}
