import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { plotOf } from '../plots/spec.js'
import { installExtras } from './extras.js'
import type { Report } from './report.js'
import { markdownOf, summaryOf } from './summary.js'

export interface ResultsFolder {
  path: string
  /** A plot of the report; answers its name, or why there is none. */
  draw(report: Report): Promise<string>
  /** Everything that is known so far, so that a run that is ended in the middle leaves what it found. */
  write(reports: readonly Report[]): Promise<void>
}

/** `head`: the line about the machine, without which no figure means anything. */
export async function openResults(path: string, head: string): Promise<ResultsFolder> {
  const folder = resolve(path)
  await mkdir(folder, { recursive: true })
  const plots = new Map<Report, string>()
  return {
    path: folder,
    async draw(report) {
      const spec = plotOf(report)
      if (spec === undefined) return 'nothing to plot'
      const name = `${report.scenario}-${report.stores.replace(/\W+/g, '-')}.svg`
      try {
        installExtras()
        const { draw } = await import('../plots/draw.mjs')
        await writeFile(join(folder, name), await draw(spec))
      } catch (error) {
        // a machine without a registry still gets its tables
        return `no plot: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`
      }
      plots.set(report, name)
      return name
    },
    async write(reports) {
      const parts = reports.map(report => {
        const plot = plots.get(report)
        return `${markdownOf(report)}${plot === undefined ? '' : `\n![${report.scenario} on ${report.stores}](${plot})\n`}`
      })
      const text = [
        '# Load test',
        head,
        '## Summary',
        summaryOf(reports),
        '## Scenarios',
        parts.join('\n')
      ].join('\n\n')
      await writeFile(join(folder, 'summary.md'), text)
      const data = reports.map(({ checks, ...report }) => ({ ...report, checks: Object.fromEntries(checks) }))
      await writeFile(join(folder, 'results.json'), `${JSON.stringify({ head, reports: data }, null, 2)}\n`)
    }
  }
}
