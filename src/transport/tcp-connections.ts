import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../domain/clock.js'
import { ConnectionCount } from './connection-count.js'
import type { Metrics } from './metrics.js'
import { type TransportSettings, tcpConnectionsPerSocket } from './settings.js'

/**
 * Connections that say little or nothing are cheap for whoever opens them, and there are only so many: past the bound
 * an address is hung up on, before anything is read. Behind a proxy all come from one address, and who may keep how many
 * open is the proxy's business.
 */
export function boundTcpConnections(
  server: Server,
  {
    connectionsPerAddressMax,
    trustProxy
  }: Pick<TransportSettings, 'connectionsPerAddressMax' | 'trustProxy'>,
  parts: { metrics: Metrics; clock: Clock }
): void {
  if (connectionsPerAddressMax <= 0 || trustProxy.length > 0) return
  const count = new ConnectionCount(connectionsPerAddressMax * tcpConnectionsPerSocket, parts)
  server.prependListener('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined) return
    if (count.full(remoteAddress)) {
      parts.metrics.limited.inc({ limit: 'tcpConnectionsPerAddressMax' })
      socket.destroy()
      return
    }
    count.opened(remoteAddress)
    socket.once('close', () => count.closed(remoteAddress))
  })
}

/**
 * Node lets go of a connection that asks for an upgrade, with all times that it has for others. One that is refused
 * before the WebSocket plugin has seen it (a preflight, an address that is malformed) would stay for ever; ws takes the
 * time off again from one that it accepts.
 */
export function dropRefusedUpgrades(server: Server, withinMs: number): void {
  server.prependListener('upgrade', (_request, socket: Socket) => {
    socket.setTimeout(withinMs, () => socket.destroy())
  })
}
