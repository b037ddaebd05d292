import { parse, View } from 'vega'
import { compile } from 'vega-lite'

/** Whoever looks at a dark page gets light ink: the paper is that of the page. */
const style = `<style>
  text { fill: #1f2328; font-family: system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }
  .role-axis-grid line { stroke: #d0d7de } .role-axis-domain line, .role-axis-tick line { stroke: #8c959f }
  path[stroke="#000"], path[fill="#000"] { stroke: #1f2328; fill: #1f2328 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .role-axis-grid line { stroke: #30363d }
    path[stroke="#000"], path[fill="#000"] { stroke: #e6edf3; fill: #e6edf3 }
  }
</style>`

const config = {
  background: 'transparent',
  view: { stroke: null },
  axis: { labelLimit: 600, labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal' },
  axisY: { grid: false, domain: false, ticks: false, labelPadding: 8 },
  axisX: { tickCount: 6 },
  legend: { labelFontSize: 11, labelLimit: 300, symbolType: 'circle', symbolOpacity: 1, orient: 'bottom' },
  title: { anchor: 'start', frame: 'group', fontSize: 12, fontWeight: 600, subtitleFontSize: 11, offset: 8 }
}

/** A Vega-Lite specification as the text of an SVG. */
export async function draw(spec) {
  const view = new View(parse(compile({ ...spec, config, padding: 14 }).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return svg.replace(/(<svg[^>]*>)/, `$1${style}`)
}
