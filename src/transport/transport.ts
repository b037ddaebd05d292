import { randomUUID } from 'node:crypto'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController
} from 'fastify'
import type { Clock, Random } from '../domain/clock.js'
import type { Finding } from '../domain/finding.js'
import type { CalendarId } from '../domain/ids.js'
import { type OperationSpec, operations } from '../protocol/operations.js'
import { parseJson, prepare } from '../protocol/validate.js'
import type { Handlers } from '../service/answers/refusal.js'
import { lockView, selectionView, slotState } from '../service/answers/views.js'
import type { Caller } from '../service/callers/caller.js'
import { viewerTag } from '../service/callers/viewer-tag.js'
import type { Peer } from './connection-context.js'
import { Dispatcher } from './dispatch.js'
import { registerOperations } from './http.js'
import {
  answerError,
  answerNoRequest,
  registerErrorHandlers,
  requestIdOf,
  sendRefusal
} from './http-errors.js'
import { Hub } from './hub.js'
import { type CountSharing, perMinute } from './limits.js'
import { LockLimits } from './lock-limits.js'
import type { Metrics } from './metrics.js'
import { registerOperator } from './operator.js'
import { Origins } from './origins.js'
import { registerPages } from './pages.js'
import type {
  CalendarOriginSource,
  FeedSource,
  HostTokenSource,
  RevokedSource,
  SiteKeySource,
  StaffSource,
  StatusSource,
  TokenSource,
  Tracer,
  Views
} from './ports.js'
import { Sessions } from './sessions.js'
import type { TransportSettings } from './settings.js'
import { StaffHub } from './staff-hub.js'
import { boundTcpConnections, dropRefusedUpgrades } from './tcp-connections.js'
import { traceRequests } from './traced-requests.js'
import { WebSocketGateway } from './websocket.js'

export interface TransportDeps {
  settings: TransportSettings
  handlers: Handlers
  feed: FeedSource
  staffDesk: StaffSource
  monitor: StatusSource
  tokens: TokenSource
  siteKeys: SiteKeySource
  /** Absent: the host signs none. */
  hostTokens?: HostTokenSource | undefined
  revoked: RevokedSource
  calendarOrigins: CalendarOriginSource
  metrics: Metrics
  clock: Clock
  random: Random
  logger: FastifyBaseLogger
  /** The database's clock as best known here; what is left of a lock is counted by it. */
  storeNowMs: () => number
  /** Makes the limits those of all instances; absent: each counts for itself. */
  sharing?: CountSharing | undefined
  /** Absent: nobody traces. */
  tracer?: Tracer | undefined
  /** What /health is to say that only another layer can know, such as a Redis that evicts. */
  findings?: () => readonly Finding[]
}

/** A route that Fastify should check has no business here, and would be checked by nobody. */
function noSchemas(): never {
  throw new Error('Routes have no schemas of their own: what is asked is checked by protocol/validate.ts')
}

/**
 * The whole outside of the service, ready to listen. `close()` on what it answers is the graceful shutdown: see
 * WebSocketGateway for what clients hear, and `settings.shutdownGraceMs` for how long it may take.
 */
export async function buildTransport(deps: TransportDeps): Promise<FastifyInstance> {
  const { settings, metrics, clock } = deps
  prepare((Object.values(operations) as OperationSpec[]).map(({ params }) => params))

  const log = deps.logger.child({}, { serializers: { req: loggedRequest } })
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    trustProxy: settings.trustProxy.length === 0 ? false : [...settings.trustProxy],
    // The framework's own 503 has not the shape of ours; a request that still comes in is answered like the others.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void answerError(error, request as FastifyRequest, reply),
    clientErrorHandler: answerNoRequest,
    routerOptions: { maxParamLength: 256 },
    // params are checked against the operations' table; Ajv, which Fastify would bring for routes with schemas,
    // is a tenth of a start
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    requestTimeout: settings.timing.requestWithinMs,
    http: {
      // refused below, in the shape of all refusals
      requireHostHeader: false,
      headersTimeout: settings.timing.headersWithinMs,
      // how late the two above may be found to be over; by default half a minute
      connectionsCheckingInterval: Math.min(2_000, settings.timing.headersWithinMs)
    },
    keepAliveTimeout: 72_000
  })
  boundTcpConnections(app.server, settings, { metrics, clock })
  dropRefusedUpgrades(app.server, settings.timing.headersWithinMs)
  registerErrorHandlers(app)
  // An expectation that is not known may be ignored (RFC 9110, 10.1.1); Node would answer it with nothing at all.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  acceptJsonOnly(app)

  const { sharing } = deps
  const lockLimits = new LockLimits(
    { ...settings.lockLimits, lockTtlMs: settings.limits.lockTtlMs },
    metrics.limited,
    sharing
  )
  const dispatcher = new Dispatcher({
    handlers: deps.handlers,
    metrics,
    clock,
    log,
    lockLimits,
    tracer: deps.tracer
  })
  // The listening socket's close ends the connections that are idle at that moment. One that becomes idle later would
  // hold the server up until the end of its grace time. Nor does a connection go on behind a body that was refused
  // unread: if the rest of it is nonsense, that would be answered too, and taken for the answer to the next request.
  app.addHook('onSend', (request, reply, _payload, done) => {
    if (dispatcher.draining || !request.raw.complete) reply.header('connection', 'close')
    done()
  })
  const sessions = new Sessions({
    tokens: deps.tokens,
    siteKeys: deps.siteKeys,
    hostTokens: deps.hostTokens,
    revoked: deps.revoked,
    limits: settings.limits,
    clock,
    status: () => deps.monitor.status
  })
  const sessionLimiter = perMinute(settings.sessionsPerMinuteMax, { name: 'sessions', sharing })
  const requestLimiter = perMinute(settings.requestsPerMinuteMax, { name: 'requests', sharing })
  const hub = new Hub<Peer>({
    feed: deps.feed,
    views: viewsOf(deps),
    metrics,
    tickMs: settings.timing.tickMs
  })
  const staffHub = new StaffHub<Peer>({
    feed: deps.feed,
    desk: deps.staffDesk,
    metrics,
    tickMs: settings.timing.staffTickMs
  })
  const origins = new Origins(settings.origins, deps.calendarOrigins)
  const newRequestId = (): string => randomUUID()
  const gateway = new WebSocketGateway(
    {
      settings,
      dispatcher,
      hub,
      staffHub,
      sessions,
      sessionLimiter,
      clock,
      metrics,
      log,
      newRequestId,
      dropHover: (caller: Caller, calendar: CalendarId) =>
        void dispatcher.dispatch({
          operation: 'unselect',
          caller,
          params: { calendar },
          face: 'ws',
          requestId: newRequestId()
        })
    },
    origins,
    deps.random,
    sharing
  )
  const stopHearing = deps.monitor.listen(status => hub.announce(status))
  const stopHearingOfEnds = deps.revoked.listen(() => gateway.closeEnded())
  metrics.gauge('slotlock_sockets', 'Open WebSocket connections', () => gateway.sockets)
  metrics.gauge(
    'slotlock_outbox_unsent_bytes',
    'Written to sockets and not yet taken by the kernel',
    () => gateway.unsentBytes
  )
  metrics.gauge('slotlock_watchers', 'Subscriptions of sockets to calendars', () => hub.watchers)

  await app.register(helmet, {
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
    // Both say "https only", which a proxy in front may add; said here it breaks a server on a local network.
    strictTransportSecurity: false,
    // The widget is a script of this server on somebody else's page.
    crossOriginResourcePolicy: { policy: 'cross-origin' }
  })
  await app.register(cors, {
    delegator: (request, done) => {
      const { origin = false } = request.headers
      const answer = (mayRead: boolean): void =>
        done(null, {
          origin: mayRead && origin,
          methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
          allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'],
          exposedHeaders: ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'X-Request-Id'],
          maxAge: 600
        })
      if (origin === false) answer(false)
      else origins.mayRead(request).then(answer, done)
    }
  })
  let cutOff: NodeJS.Timeout | undefined
  app.addHook('preClose', async () => {
    // In-flight requests may finish; a long poll that would not is cut off.
    cutOff = setTimeout(() => app.server.closeAllConnections(), settings.shutdownGraceMs)
    cutOff.unref()
  })
  await gateway.register(app, (reply, code, message, retryAfterMs) =>
    sendRefusal(reply, { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
  )
  // After the gateway, whose plugin finds out what is an upgrade; before the routes that are none.
  app.addHook('onRequest', async (request, reply) => {
    if (request.raw.headers.host !== undefined || request.raw.httpVersion === '1.0') return undefined
    return sendRefusal(reply, { code: 'INVALID_REQUEST', message: 'The header Host is required' })
  })
  app.addHook('onRequest', async (request, reply) => {
    if (!request.ws || request.routeOptions.url === '/v1/ws') return undefined
    return sendRefusal(reply, { code: 'NOT_FOUND', message: 'There is no WebSocket at this address' })
  })
  if (deps.tracer !== undefined) traceRequests(app, deps.tracer)
  registerOperations(app, {
    ...{ dispatcher, sessions, sessionLimiter, requestLimiter, metrics, origins, settings }
  })
  await registerOperator(app, {
    settings,
    dispatcher,
    gateway,
    monitor: deps.monitor,
    metrics,
    clock,
    findings: deps.findings ?? (() => [])
  })
  await registerPages(app, settings.pagesFolder)

  app.addHook('onClose', async () => {
    clearTimeout(cutOff)
    stopHearing()
    stopHearingOfEnds()
    hub.close()
    staffHub.close()
  })
  return app
}

/** Never the query and never a header: tokens and names of people travel there. */
function loggedRequest(request: { method?: string; url?: string; id?: string }): object {
  return { method: request.method, path: request.url?.split('?', 1)[0], id: request.id }
}

/** One parser for both faces, so that what is refused on one is refused on the other. */
function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    // Clients that name the type for a body that is not there are many.
    if (body.length === 0) return done(null, undefined)
    const parsed = parseJson(String(body))
    if (parsed.ok) return done(null, parsed.value)
    done(
      Object.assign(new Error(`The body ${parsed.problem}`), { code: 'FST_ERR_CTP_BODY', statusCode: 400 })
    )
  })
}

function viewsOf({ storeNowMs, settings }: TransportDeps): Views {
  return {
    slotState: row => slotState(row, storeNowMs(), viewerTag),
    lockView: lock => lockView(lock, settings.limits, storeNowMs(), viewerTag),
    selectionView: selection => selectionView(selection, storeNowMs())
  }
}
