import autocannon from 'autocannon'
import { type GeneratorLoad, watchOwnLoad } from './lag.js'

export interface HttpLoad {
  url: string
  connections: number
  forMs: number
  /** Called once for every request that is sent. */
  next: () => { path: string; headers: Record<string, string>; body: string }
  onAnswer?: (status: number, body: string) => void
}

export interface HttpLoadResult {
  answers: number
  perSecond: number
  tookMs: number
  p50Ms: number
  p99Ms: number
  /** Answers by status. */
  statuses: Record<number, number>
  load: GeneratorLoad
}

/**
 * POSTs as fast as the answers come, by autocannon. Throws when not a single answer came: autocannon itself ends
 * content when every connection was refused, and a load test that met nobody would pass with flying colours.
 */
export async function postLoad({
  url,
  connections,
  forMs,
  next,
  onAnswer
}: HttpLoad): Promise<HttpLoadResult> {
  const statuses: Record<number, number> = {}
  const load = watchOwnLoad()
  const result = await autocannon({
    url,
    connections,
    duration: forMs / 1000,
    requests: [
      {
        method: 'POST',
        setupRequest: request => {
          const { path, headers, body } = next()
          return { ...request, path, headers: { 'content-type': 'application/json', ...headers }, body }
        },
        onResponse: (status, body) => {
          statuses[status] = (statuses[status] ?? 0) + 1
          onAnswer?.(status, body)
        }
      }
    ]
  })
  const answers = Object.values(statuses).reduce((sum, count) => sum + count, 0)
  if (answers === 0) throw new Error(`no answer at all from ${url}: ${result.errors} errors`)
  if (result.errors + result.timeouts > 0)
    throw new Error(`${result.errors} connection errors and ${result.timeouts} time-outs against ${url}`)
  return {
    answers,
    perSecond: answers / result.duration,
    tookMs: result.duration * 1000,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    statuses,
    load: load()
  }
}
