import type { Axis, CpuCost, LinesChart, Ratio, Side, Target } from '../harness/figures.js'
import { formatNumber, type Spread } from '../harness/stats.js'

/**
 * A report as a Vega-Lite specification: which panels there are and what stands in them. Pure; `draw.mjs` makes the
 * picture. A thick bar is the smallest to the greatest round, the dot on it the median, an upright line the target.
 */

export interface Plotted {
  scenario: string
  stores: string
  ratios: readonly Ratio[]
  sides: readonly Side[]
  cpuCosts: readonly CpuCost[]
  lines: readonly LinesChart[]
}

type Spec = Record<string, unknown>

/** One line of a panel of bars. */
interface Row extends Spread {
  what: string
  /** What its colour says. */
  kind: string
  target?: number
}

const panelWidthPx = 440
const rowPx = 22
/** Mid-tones that are told apart on white, on black and by the colour-blind. */
const blue = '#3b8ee0'
const orange = '#e69f00'
const green = '#12a37f'
const red = '#d9622b'
const grey = '#8a8f98'
const lineColours = [blue, orange, green, red, '#c86fb5', grey]
const verdictColours = { met: green, missed: red, void: grey, 'no target': blue }
const whoseColours = { slotlock: blue, reference: orange }
/** Of black, so that the style sheet of the picture finds it and turns it white on a dark page. */
const ink = '#000'
/** Where the greatest is so many times the smallest, a linear axis would show one of them and a row of zeros. */
const logFrom = 20

/** Undefined when there is nothing to show. */
export function plotOf(report: Plotted): Spec | undefined {
  const bars = [ratioPanel(report.ratios), ...sidePanels(report.sides), cpuPanel(report.cpuCosts)]
  const panels = [...bars.filter(panel => panel !== undefined), ...report.lines.map(linesPanel)]
  if (panels.length === 0) return undefined
  return {
    title: {
      text: `${report.scenario} (${report.stores})`,
      fontSize: 15,
      offset: 18,
      // a bar needs its reading explained, a curve does not
      subtitle: panels.length > report.lines.length ? 'bar: smallest to greatest round, dot: median' : ''
    },
    vconcat: panels,
    resolve: { scale: { color: 'independent' } },
    spacing: 24
  }
}

function ratioPanel(ratios: readonly Ratio[]): Spec | undefined {
  const rows = ratios.map(({ what, of, target, verdict }) => ({
    what,
    ...of,
    kind: verdict === 'info' ? 'no target' : verdict,
    ...(target === undefined ? {} : { target: boundOf(target) })
  }))
  const title = rows.some(row => 'target' in row) ? 'Ratios (upright line: target)' : 'Ratios'
  return barPanel(title, 'times, in the same round', rows, verdictColours)
}

/** Whatever has something beside it gets a panel of its own; the rest shares one per unit. */
function sidePanels(sides: readonly Side[]): (Spec | undefined)[] {
  const isAlone = ({ of }: Side): boolean => Object.keys(of).length === 1
  const units = [...new Set(sides.filter(isAlone).map(({ unit }) => unit))]
  const rowsOf = ({ what, of }: Side): Row[] =>
    Object.entries(of).map(([subject, value], index) => ({
      what: isAlone({ what, of, unit: '' }) ? what : subject,
      ...value,
      kind: index === 0 ? 'slotlock' : 'reference'
    }))
  return [
    ...sides
      .filter(side => !isAlone(side))
      .map(side => barPanel(side.what, side.unit, rowsOf(side), whoseColours)),
    ...units.map(unit => {
      const rows = sides.filter(side => isAlone(side) && side.unit === unit).flatMap(rowsOf)
      return barPanel('Measured', unit, rows, whoseColours)
    })
  ]
}

function cpuPanel(costs: readonly CpuCost[]): Spec | undefined {
  const rows = costs.flatMap(({ operation, of }) =>
    Object.entries(of).map(([process_, value]) => ({
      what: `${operation}: ${process_}`,
      ...value,
      kind: 'slotlock'
    }))
  )
  return barPanel('CPU time', 'µs of one core per operation', rows, whoseColours)
}

function barPanel(
  title: string,
  unit: string,
  all: readonly Row[],
  colours: Readonly<Record<string, string>>
): Spec | undefined {
  const rows = all.filter(({ median }) => Number.isFinite(median))
  if (rows.length === 0) return undefined
  const kinds = Object.keys(colours).filter(kind => rows.some(row => row.kind === kind))
  const axis = xAxis(
    rows.flatMap(({ min, max, target }) => (target === undefined ? [min, max] : [min, max, target]))
  )
  const x = { type: 'quantitative', title: unit, ...axis }
  return {
    title,
    width: panelWidthPx,
    height: { step: rowPx },
    data: { values: rows.map(row => ({ ...row, label: formatNumber(row.median) })) },
    encoding: {
      y: { field: 'what', type: 'nominal', sort: null, title: null },
      color: {
        field: 'kind',
        type: 'nominal',
        title: null,
        ...(kinds.length === 1 ? { legend: null } : {}),
        scale: { domain: kinds, range: kinds.map(kind => colours[kind]) }
      }
    },
    layer: [
      {
        mark: { type: 'rule', size: 8, opacity: 0.4, strokeCap: 'round' },
        encoding: { x: { field: 'min', ...x }, x2: { field: 'max' } }
      },
      {
        mark: { type: 'point', filled: true, size: 70, opacity: 1 },
        encoding: { x: { field: 'median', ...x } }
      },
      {
        transform: [{ filter: 'isValid(datum.target)' }],
        mark: { type: 'tick', thickness: 2, size: rowPx - 5 },
        encoding: { x: { field: 'target', ...x }, color: { value: ink } }
      },
      {
        mark: { type: 'text', align: 'left', dx: 9, fontSize: 10 },
        encoding: { x: { field: 'max', ...x }, text: { field: 'label' }, color: { value: ink } }
      }
    ]
  }
}

/** Room for the number behind the longest bar, and not more lines than the eye can use. */
function xAxis(numbers: readonly number[]): Spec {
  const least = Math.min(...numbers)
  const greatest = Math.max(...numbers)
  // nothing at or below zero has a place on a logarithmic axis
  if (least <= 0 || greatest / least < logFrom)
    return { scale: { domain: [Math.min(0, least), greatest * 1.12], nice: false } }
  const domain = [least / 1.15, greatest * Math.max(1.3, (greatest / least) ** 0.1)]
  const steps = greatest / least > 500 ? [1] : [1, 2, 5]
  const values: number[] = []
  for (let power = Math.floor(Math.log10(domain[0]!)); 10 ** power <= domain[1]!; power++)
    values.push(...steps.map(step => step * 10 ** power).filter(at => at >= domain[0]! && at <= domain[1]!))
  return {
    scale: { type: 'log', domain, nice: false },
    axis: { values, tickCount: values.length, format: ',~g', labelOverlap: false }
  }
}

function linesPanel({ title, x, y, points }: LinesChart): Spec {
  const axis = (field: 'x' | 'y', { title: name, scale }: Axis): Spec => ({
    field,
    type: 'quantitative',
    title: name,
    scale: { type: scale, ...(scale === 'log' ? {} : { zero: field === 'y' }) },
    ...(field === 'y' ? { axis: { grid: true, tickCount: 6 } } : {})
  })
  const series = [...new Set(points.map(point => point.series))]
  return {
    title,
    width: panelWidthPx,
    height: 200,
    data: { values: points.filter(point => isOn(point.x, x) && isOn(point.y, y)) },
    mark: { type: 'line', point: points.length <= 100, strokeWidth: 2 },
    encoding: {
      x: axis('x', x),
      y: axis('y', y),
      color: {
        field: 'series',
        type: 'nominal',
        title: null,
        ...(series.length === 1 ? { legend: null } : {}),
        scale: { domain: series, range: series.map((_, at) => lineColours[at % lineColours.length]) }
      }
    }
  }
}

const boundOf = (target: Target): number => ('atMost' in target ? target.atMost : target.atLeast)
const isOn = (value: number, { scale }: Axis): boolean =>
  Number.isFinite(value) && (scale === 'linear' || value > 0)
