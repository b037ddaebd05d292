import type { Logger } from 'pino'
import type { Config } from './config.js'
import type { Clock } from './domain/clock.js'
import type { Finding } from './domain/finding.js'
import { readHostJwks } from './host-jwks.js'
import { HostTokens } from './service/callers/host-tokens.js'
import { realTimers } from './service/tools/timers.js'
import { HostKeys } from './service/upkeep/host-keys.js'

/** The host's tokens and the keys behind them, where the settings name any. */
export function hostTokensOf(
  { hostTokens }: Config,
  { log, clock }: { log: Logger; clock: Clock }
): { tokens: HostTokens; keys: HostKeys; findings: () => Finding[] } | undefined {
  if (hostTokens === undefined) return undefined
  const { jwks, issuer, audience } = hostTokens
  const tokens = new HostTokens({ issuer, audience, clock, lookAgain: () => keys.lookAgain() })
  const keys: HostKeys = new HostKeys({
    read: () => readHostJwks(jwks),
    use: found => tokens.useKeys(found),
    onChange: ({ keys: count, problems }) => {
      if (problems.length > 0) log.warn({ problems, keys: count }, 'host keys: something is wrong with them')
      else log.info({ keys: count }, 'host keys: read')
    },
    clock,
    timers: realTimers
  })
  const findings = (): Finding[] =>
    keys.fresh || keys.readings === 0
      ? []
      : [
          {
            code: 'host-keys-unread',
            severity: 'warning',
            what: "The host's keys could not be read last time; those read before stay in use, new ones are not known.",
            do: 'See whether HOST_JWKS can be reached from here, and what the log says of it.'
          }
        ]
  return { tokens, keys, findings }
}
