import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RequestSpan, Tracer } from './ports.js'

/** Which span a request is, where somebody traces; beside the request, because Fastify's own is typed for everybody. */
const spans = new WeakMap<FastifyRequest, RequestSpan>()

export const spanOf = (request: FastifyRequest): RequestSpan | undefined => spans.get(request)

/** Every HTTP request but upgrades, by its route: what was in the address itself may name somebody's lock. */
export function traceRequests(app: FastifyInstance, tracer: Tracer): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.ws) {
      const { traceparent } = request.headers
      const span = tracer.request({
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        traceparent: typeof traceparent === 'string' ? traceparent : undefined
      })
      spans.set(request, span)
      reply.raw.once('close', () => span.end(reply.raw.writableFinished ? reply.raw.statusCode : undefined))
    }
    done()
  })
}
