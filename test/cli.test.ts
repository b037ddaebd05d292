import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { configTable } from '../src/config.js'
import { type Env, Instance, runCli } from './helpers/instance.js'
import { MariadbServer } from './helpers/mariadb.js'
import { sharedSecret } from './helpers/set-ups.js'
import { openTruth } from './helpers/truth.js'

// many starts of a program, one after the other
t.setTimeout(300_000)

const onDisk = (t: { teardown(end: () => void): void }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } })

t.test('whoever does not know the words is told them', async t => {
  for (const args of [['help'], ['--help']]) {
    const { code, stdout, stderr } = await runCli(args)
    t.equal(code, 0)
    t.equal(stderr, '')
    for (const word of ['serve', 'token', 'revoke', 'migrate', 'config', 'doctor', 'webhooks'])
      t.match(stdout, `slotlock ${word}`)
  }
  const wrong: [args: string[], message: string][] = [
    [[], 'which command?'],
    [['constructor'], "there is no command 'constructor'"],
    [['serve', 'now'], "Unexpected argument 'now'"],
    [['serve', '--port', '1'], "Unknown option '--port'"],
    [['migrate', '--dmeo'], "Unknown option '--dmeo'"],
    [['token', '--role', 'king'], '--role must be one of'],
    [['token', '--role', 'staff', '--calendar', 'Über'], '--calendar Über is no calendar'],
    [['token', '--role', 'staff', '--ttl', 'long'], '--ttl long is no time'],
    [['token', '--role', 'staff', '--ttl', '400d'], '--ttl 400d is no time']
  ]
  const ran = await Promise.all(wrong.map(([args]) => runCli(args)))
  for (const [index, { code, stdout, stderr }] of ran.entries()) {
    const [args, message] = wrong[index]!
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
    t.ok(stderr.startsWith('slotlock: ') && stderr.includes(message), stderr.slice(0, 100))
    t.match(stderr, 'slotlock serve', 'with the right words below')
  }
})

t.test('wrong settings are told all at once, with exit code 1', async t => {
  for (const command of ['serve', 'token']) {
    const args = command === 'token' ? [command, '--role', 'staff'] : [command]
    const { code, stdout, stderr } = await runCli(args, { PORT: 'http', REDIS_URL: 'redis://127.0.0.1:1' })
    t.equal(code, 1)
    t.equal(stdout, '')
    t.match(stderr, /^slotlock: 2 settings are wrong[\s\S]*PORT[\s\S]*MYSQL_URL/)
    t.notMatch(stderr, /\n {4}at /, 'no stack')
  }
})

t.test('config prints every setting in force, and no secret', async t => {
  const { code, stdout } = await runCli(['config'], {
    PORT: '8080',
    MYSQL_URL: 'mysql://slotlock:hunter2@db.example/slotlock',
    REDIS_URL: 'redis://:hunter2@cache.example:6379',
    SLOTLOCK_SECRET: sharedSecret
  })
  t.equal(code, 0)
  const lines = stdout.trimEnd().split('\n')
  t.strictSame(
    lines.map(line => line.split('=', 1)[0]!),
    configTable().map(({ name }) => name)
  )
  t.ok(lines.includes('PORT=8080'))
  t.ok(lines.includes('LOCK_TTL_MS=600000'))
  t.notMatch(stdout, /hunter2/)
  t.notMatch(stdout, sharedSecret)
})

t.test('token prints a token and nothing else, and the service takes it for what it says', async t => {
  const settings = { SLOTLOCK_DATA: onDisk(t) }
  const tokenOf = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(['token', ...args], settings)
    t.equal(code, 0)
    t.equal(stderr, '')
    t.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    return stdout.trim()
  }
  // made before the first start: both find the same secret in the folder
  const staff = await tokenOf('--role', 'staff')
  const { url } = await Instance.start(t, settings)
  const statusOf = async (token: string, calendar = 'demo'): Promise<number> =>
    (await fetch(`${url}/v1/staff/locks?calendar=${calendar}`, as(token))).status
  t.equal(await statusOf(staff), 200)
  t.equal(await statusOf(await tokenOf('--role', 'admin', '--ttl', '30m')), 200)
  t.equal(await statusOf(await tokenOf('--role', 'visitor')), 403)
  t.equal(await statusOf(await tokenOf('--role', 'host')), 200)
  const limited = await tokenOf('--role', 'staff', '--calendar', 'demo', '--calendar', 'other')
  t.equal(await statusOf(limited), 200)
  t.equal(await statusOf(limited, 'third'), 403)
  const short = await tokenOf('--role', 'staff', '--ttl', '1s')
  const { exp } = JSON.parse(Buffer.from(short.split('.')[1]!, 'base64url').toString()) as { exp: number }
  t.ok(exp * 1_000 <= Date.now() + 2_000)
})

t.test('serve makes the demo on a first start, and one line says where it is and what it uses', async t => {
  const settings: Env = { SLOTLOCK_DATA: onDisk(t) }
  const instance = await Instance.start(t, settings)
  const line = JSON.parse(instance.log.split('\n').find(one => one.includes('listens on'))!)
  t.match(line, { url: instance.url, mode: 'embedded', demo: instance.url })
  const { calendars } = (await (await instance.get('/v1/calendars')).json()) as { calendars: unknown[] }
  t.match(calendars, [{ id: 'demo', slotMinutes: 30, resources: [{ id: 'dr-lee' }, { id: 'dr-kim' }] }])
  t.equal(await instance.stop(), 0)
  const again = await Instance.start(t, settings)
  const listed = (await (await again.get('/v1/calendars')).json()) as { calendars: unknown[] }
  t.equal(listed.calendars.length, 1)
  t.notMatch(again.log, /"demo"/, 'and only on the first')
})

t.test('with a database of one’s own', async t => {
  const mariadb = await MariadbServer.start()
  t.teardown(() => mariadb.stop())
  const MYSQL_URL = await mariadb.createDatabase('cli')
  const settings = { MYSQL_URL, SLOTLOCK_SECRET: sharedSecret }

  await t.test('a secret that all instances share is asked for', async t => {
    const { code, stderr } = await runCli(['serve'], { MYSQL_URL })
    t.equal(code, 1)
    t.match(stderr, /SLOTLOCK_SECRET is missing[\s\S]*randomBytes/)
  })

  await t.test('migrate makes the tables, twice is once, and the demo only when asked for', async t => {
    for (const args of [['migrate'], ['migrate', '--demo'], ['migrate', '--demo']]) {
      const { code, stderr } = await runCli(args, settings)
      t.equal(code, 0, stderr)
    }
    const truth = await openTruth({ kind: 'mysql', url: MYSQL_URL })
    t.teardown(() => truth.close())
    t.strictSame(await truth.slots('demo'), [])
    const { url } = await Instance.start(t, settings)
    t.match(await (await fetch(`${url}/v1/calendars`)).json(), { calendars: [{ id: 'demo' }] })
  })

  await t.test(
    'two instances with one secret take each other’s tokens, and a third with another does not',
    async t => {
      const [one, other, stranger] = await Promise.all([
        Instance.start(t, settings),
        Instance.start(t, {
          ...settings,
          SLOTLOCK_SECRET: `a-new-secret-that-comes-after-the-old-one,${sharedSecret}`
        }),
        Instance.start(t, { ...settings, SLOTLOCK_SECRET: 'a-secret-that-nobody-else-has-ever-heard-of' })
      ])
      const opened = await fetch(`${one.url}/v1/sessions`, { method: 'POST' })
      const { token } = (await opened.json()) as { token: string }
      t.equal((await fetch(`${one.url}/v1/locks`, as(token))).status, 200)
      t.equal((await fetch(`${other.url}/v1/locks`, as(token))).status, 200, 'the old secret still holds')
      t.equal((await fetch(`${stranger.url}/v1/locks`, as(token))).status, 401)
      const later = await fetch(`${other.url}/v1/sessions`, { method: 'POST' })
      const { token: signedAnew } = (await later.json()) as { token: string }
      t.equal((await fetch(`${one.url}/v1/locks`, as(signedAnew))).status, 401, 'the new one signs')
    }
  )
})
