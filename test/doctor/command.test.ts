import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Report } from '../../src/doctor/report.js'
import { examineService } from '../../src/doctor/service.js'
import { Instance, runCli } from '../helpers/instance.js'
import { sharedSecret } from '../helpers/set-ups.js'
import { hints } from './patients.js'

t.setTimeout(300_000)

const folder = mkdtempSync(join(tmpdir(), 'slotlock-doctor-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const settings = { SLOTLOCK_DATA: folder }

const codesOf = (stdout: string): string[] =>
  (JSON.parse(stdout) as Report).areas.flatMap(({ findings }) => findings.map(({ code }) => code))

t.test('a running instance, and beside it the store that it works on: exit code 0', async t => {
  const { url } = await Instance.start(t, settings)
  const examine = () => runCli(['doctor', '--url', url], settings)
  let ran = await examine()
  // an instance that has just started on a busy machine is late, and says so
  for (let n = 0; n < 20 && /event-loop-late/.test(ran.stdout); n++) ran = await examine()
  t.equal(ran.code, 0, ran.stdout)
  t.match(ran.stdout, /^settings +development, embedded$/m)
  t.match(ran.stdout, /^database +SQLite in .*released$/m)
  t.match(ran.stdout, /^service +http.*WebSockets get through$/m)
  t.match(ran.stdout, /All is well\.\n$/)
})

t.test('wrong settings are told as findings, all of them: exit code 1', async t => {
  const ran = await runCli(['doctor', '--json'], { PORT: 'http', LOG_LEVEL: 'loud' })
  t.equal(ran.code, 1)
  t.strictSame(codesOf(ran.stdout), ['settings-wrong', 'settings-wrong'])
})

t.test('what works and should be seen to: exit code 3', async t => {
  const ran = await runCli(['doctor', '--json'], { ...settings, HOST: '0.0.0.0' })
  t.equal(ran.code, 3)
  t.strictSame(codesOf(ran.stdout), ['settings-development'])
})

t.test('stores on other machines without a password or TLS are told, and no password is', async t => {
  const ran = await runCli(['doctor', '--json'], {
    SLOTLOCK_SECRET: sharedSecret,
    REDIS_URL: 'redis://cache.invalid:6379',
    MYSQL_URL: 'mysql://slotlock:hunter2@db.invalid/slotlock'
  })
  t.equal(ran.code, 1)
  t.strictSame(
    new Set(codesOf(ran.stdout)),
    new Set(['redis-plain', 'redis-open', 'database-plain', 'redis-unreachable', 'database-unreachable'])
  )
  t.notMatch(ran.stdout + ran.stderr, /hunter2/)
})

t.test(
  'an instance that cannot be reached, is none, or sits behind a proxy that knows no WebSockets',
  async t => {
    const health = { status: 'degraded', version: '0.0.1', grade: 'C', findings: [] }
    const proxy = createServer((request, response) => {
      response.statusCode = request.url === '/health' ? 200 : 400
      response.end(JSON.stringify(health))
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    t.teardown(() => proxy.close())
    proxy.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { port } = proxy.address() as AddressInfo
    const at = async (url: string) => hints(await examineService(url, '0.1.0'))

    t.strictSame(await at(`http://127.0.0.1:${port}`), [
      'service-degraded',
      'service-version',
      'websocket-blocked'
    ])
    t.strictSame(await at('http://127.0.0.1:1'), ['service-unreachable'])
    const ran = await runCli(['doctor', '--url', 'nonsense'], settings)
    t.equal(ran.code, 2, 'what is no URL is a command that was not understood')
  }
)
