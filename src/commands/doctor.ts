import { packageVersion, systemClock } from '../app.js'
import { examineDatabase } from '../doctor/database.js'
import { examineRedis } from '../doctor/redis.js'
import { type Examined, exitCodeOf, reportOf, textOf } from '../doctor/report.js'
import { examineService } from '../doctor/service.js'
import { examineSettings } from '../doctor/settings.js'
import { examineWebhooks } from '../doctor/webhooks.js'
import { redisAddressOf } from '../store-addresses.js'
import { options } from './arguments.js'
import { UsageError } from './usage-error.js'

/**
 * Looks at everything that the settings lead to, as an instance would use it, and says what to do about what it finds.
 * Leaves nothing behind. Exit code: 0 well, 3 warnings, 1 it does not work.
 */
export async function doctor(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const { json, url } = options({ args, options: { json: { type: 'boolean' }, url: { type: 'string' } } })
  if (url !== undefined && !/^https?:\/\/./.test(url)) throw new UsageError(`--url ${url} is no http:// URL`)
  const version = await packageVersion()
  const { config, examined } = examineSettings(env)
  const areas: Examined[] = [examined]
  if (config !== undefined) {
    const redis = redisAddressOf(config)
    if (redis !== undefined) {
      areas.push(
        await examineRedis({
          address: redis,
          prefix: config.redisKeyPrefix,
          clock: systemClock,
          random: Math.random
        })
      )
    }
    areas.push(await examineDatabase(config, systemClock, Math.random))
    const webhooks = await examineWebhooks(config, version, systemClock)
    if (webhooks !== undefined) areas.push(webhooks)
  }
  if (url !== undefined) areas.push(await examineService(url, version))
  const report = reportOf(version, config?.mode ?? 'wrong settings', areas)
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report))
  process.exitCode = exitCodeOf(report)
}
