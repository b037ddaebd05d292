import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, Span, SpanOptions } from '@opentelemetry/api'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import type { Logger } from 'pino'
import { ConfigError } from './config.js'
import type { RequestSpan, Tracer } from './transport/ports.js'

/**
 * Traces, where OTEL_EXPORTER_OTLP_ENDPOINT says that somebody collects them: a span for each HTTP request, below it one
 * for the operation, and below that one for each call to a store. A WebSocket message is an operation without a request.
 *
 * Nothing of OpenTelemetry is loaded without that setting, and none of it comes with the package: it is 28 MB, for few.
 *
 * Spans are made of names that are in this code: operations, routes, outcome codes, scripts. No id, no address, no token
 * and nothing that somebody typed can get in, because nothing of the kind is handed to this file.
 *
 * What is sent is sent behind everybody's back, in batches from a queue of bounded length; past it spans are dropped.
 */

export interface Tracing extends Tracer {
  /** A call to a store that has just been answered, or failed. Belongs to the operation that it was made for. */
  storeCall(store: 'sql' | 'redis', call: string, tookMs: number): void
  /** Sends what is waiting, for `flushMsMax` at most. */
  close(): Promise<void>
}

/** A collector that is out must not hold up the end of this process. */
const flushMsMax = 2_000
/** What an operation leaves to be done behind its answer still is its own, but a timer that it wound up is not. */
const afterAnswerMsMax = 1_000

/** What the store's calls of this moment are made for. */
interface Current {
  context: Context
  /** Monotonic. */
  endedMs: number | undefined
}

/** The last ones for Node 20; the next ones need 22. */
const packages = [
  '@opentelemetry/api@1.9',
  '@opentelemetry/core@2',
  '@opentelemetry/resources@2',
  '@opentelemetry/sdk-trace-base@2',
  '@opentelemetry/exporter-trace-otlp-http@0.223.1'
]

async function load() {
  try {
    const [api, core, resources, sdk, otlp] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/core'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/exporter-trace-otlp-http')
    ])
    return { api, core, resources, sdk, otlp }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new ConfigError([
      `OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not there: npm install ${packages.join(' ')}`
    ])
  }
}

/** Throws ConfigError where the packages are missing. The other OTEL_ variables are read by OpenTelemetry itself. */
export async function openTracing(
  endpoint: string,
  { version, log }: { version: string; log: Pick<Logger, 'info' | 'warn'> }
): Promise<Tracing> {
  const { api, core, resources, sdk, otlp } = await load()
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`
  const exporter = telling(new otlp.OTLPTraceExporter({ url }), log)
  const provider = new sdk.BasicTracerProvider({
    resource: resources
      .resourceFromAttributes({ 'service.name': 'slotlock', 'service.version': version })
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter)]
  })
  const tracer = provider.getTracer('slotlock', version)
  const current = new AsyncLocalStorage<Current>()
  const contexts = new WeakMap<RequestSpan, Context>()

  const begin = (name: string, within: Context, options: SpanOptions): { span: Span; context: Context } => {
    const span = tracer.startSpan(name, options, within)
    return { span, context: api.trace.setSpan(within, span) }
  }
  const fail = (span: Span): void => void span.setStatus({ code: api.SpanStatusCode.ERROR })

  return {
    request({ method, route, traceparent }) {
      const remote = traceparent === undefined ? null : core.parseTraceParent(traceparent)
      const within =
        remote === null
          ? api.ROOT_CONTEXT
          : api.trace.setSpanContext(api.ROOT_CONTEXT, { ...remote, isRemote: true })
      const { span, context } = begin(`${method} ${route}`, within, {
        kind: api.SpanKind.SERVER,
        attributes: { 'http.request.method': method, 'http.route': route }
      })
      const request: RequestSpan = {
        end(status) {
          if (status !== undefined) span.setAttribute('http.response.status_code', status)
          if (status === undefined || status >= 500) fail(span)
          span.end()
        }
      }
      contexts.set(request, context)
      return request
    },

    async operation({ operation, face, within }, work) {
      const parent = within === undefined ? undefined : contexts.get(within)
      const { span, context } = begin(operation, parent ?? api.ROOT_CONTEXT, {
        kind: parent === undefined ? api.SpanKind.SERVER : api.SpanKind.INTERNAL,
        attributes: { 'slotlock.operation': operation, 'slotlock.face': face }
      })
      const mine: Current = { context, endedMs: undefined }
      try {
        const outcome = await current.run(mine, work)
        const word = outcome.ok ? 'ok' : outcome.refusal.code
        span.setAttribute('slotlock.outcome', word)
        if (word === 'INTERNAL') fail(span)
        return outcome
      } finally {
        mine.endedMs = performance.now()
        span.end()
      }
    },

    storeCall(store, call, tookMs) {
      const mine = current.getStore()
      if (mine === undefined || performance.now() - (mine.endedMs ?? performance.now()) > afterAnswerMsMax)
        return
      const endMs = Date.now()
      const { span } = begin(`${store} ${call}`, mine.context, {
        kind: api.SpanKind.CLIENT,
        startTime: endMs - tookMs,
        attributes: { 'db.system.name': store, 'db.operation.name': call }
      })
      span.end(endMs)
    },

    async close() {
      const late = new Promise<void>(resolve => setTimeout(resolve, flushMsMax).unref())
      await Promise.race([provider.shutdown().catch(() => {}), late])
    }
  }
}

/** Says once that nothing can be sent, and once that it can again; a collector that is out for days is two lines. */
function telling(inner: SpanExporter, log: Pick<Logger, 'info' | 'warn'>): SpanExporter {
  let isOut = false
  return {
    export(spans: ReadableSpan[], done) {
      inner.export(spans, result => {
        const failed = result.code !== 0
        if (failed && !isOut)
          log.warn({ reason: result.error?.message }, 'traces: cannot be sent; spans are dropped')
        if (!failed && isOut) log.info('traces: are sent again')
        isOut = failed
        done(result)
      })
    },
    shutdown: () => inner.shutdown(),
    forceFlush: async () => inner.forceFlush?.()
  }
}
