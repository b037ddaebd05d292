import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../domain/clock.js'
import type { Finding } from '../domain/finding.js'
import { asyncApiDocument } from '../protocol/asyncapi.js'
import { openApiDocument } from '../protocol/openapi.js'
import type { Dispatcher } from './dispatch.js'
import { scoreHealth } from './health-score.js'
import type { Metrics } from './metrics.js'
import type { StatusSource, StoreReport } from './ports.js'
import type { TransportSettings } from './settings.js'
import type { WebSocketGateway } from './websocket.js'

/**
 * What operators and their machines ask: is it alive, may it be sent visitors, how is it doing, and what is its
 * reference. None of it is rate limited: who looks after a server must reach it most when others overwhelm it.
 */

export interface OperatorDeps {
  settings: TransportSettings
  dispatcher: Dispatcher
  gateway: WebSocketGateway
  monitor: StatusSource
  metrics: Metrics
  clock: Clock
  findings: () => readonly Finding[]
}

export async function registerOperator(app: FastifyInstance, deps: OperatorDeps): Promise<void> {
  const { settings, dispatcher, gateway, monitor, metrics, clock } = deps
  const startedMs = clock.monotonic()

  app.addHook('onRoute', route => {
    // Asked every few seconds and never of interest.
    if (['/livez', '/readyz', '/health', '/metrics'].includes(route.url)) route.logLevel = 'warn'
  })

  app.get('/livez', async (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'alive' })
  )

  app.get('/readyz', async (_request, reply) => {
    const reason = dispatcher.draining
      ? 'draining'
      : monitor.status === 'unavailable'
        ? 'unavailable'
        : undefined
    reply.header('cache-control', 'no-store').code(reason === undefined ? 200 : 503)
    return reason === undefined ? { ready: true } : { ready: false, reason }
  })

  const health = (): ReturnType<typeof scoreHealth> =>
    scoreHealth({
      status: monitor.status,
      services: monitor.services(),
      mode: settings.mode,
      otherFindings: deps.findings(),
      draining: dispatcher.draining,
      eventLoopLagMs: metrics.eventLoopLagMs(),
      sockets: gateway.sockets,
      connectionsMax: settings.connectionsMax,
      slowReadersClosed: gateway.slowReadersClosed,
      socketsOpened: gateway.opened
    })
  metrics.gauge('slotlock_health_score', 'The score of /health, 0 to 100', () => health().score)

  app.get('/health', async (_request, reply) => {
    const { status } = monitor
    const services = monitor.services()
    const { grade, score, findings } = health()
    const uptimeS = Math.floor((clock.monotonic() - startedMs) / 1_000)
    const { version, mode } = settings
    reply.header('cache-control', 'no-store').code(status === 'unavailable' ? 503 : 200)
    return {
      status,
      version,
      uptimeS,
      mode,
      services: { redis: shown(services.redis), database: shown(services.database) },
      grade,
      score,
      findings
    }
  })

  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.registry.contentType)
    return metrics.registry.metrics()
  })

  const openApi = openApiDocument(settings.version)
  const asyncApi = asyncApiDocument(settings.version)
  app.get('/v1/openapi.json', async () => openApi)
  app.get('/v1/asyncapi.json', async () => asyncApi)

  await app.register(swagger, { mode: 'static', specification: { document: openApi as never } })
  await app.register(swaggerUi, { routePrefix: '/docs', uiConfig: { docExpansion: 'list' } })
}

const noStore: StoreReport = { available: false, connected: false, healthy: false, latencyMs: null }

/** Only what is meant for everybody: a store's last error names hosts and accounts, and this page needs no token. */
function shown({ available, connected, healthy, latencyMs }: StoreReport = noStore): StoreReport {
  return { available, connected, healthy, latencyMs }
}
