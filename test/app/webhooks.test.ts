import t from 'tap'
import { UsageError } from '../../src/commands/usage-error.js'
import { webhooks } from '../../src/commands/webhooks.js'
import { type Env, Instance, runCli } from '../helpers/instance.js'
import { until } from '../helpers/process.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { WebhookReceiver, webhookSecret } from '../helpers/webhook-receiver.js'
import { Clinic, calendar } from './clinic.js'
import { Visitor } from './visitor.js'

t.setTimeout(300_000)

interface Lock {
  lock: { id: string; fence: number; by: string }
}
interface Health {
  findings: { code: string; what: string }[]
}

/** The host as an operator has it: one instance, its commands, and a receiver. */
t.test('the host is told, and whoever runs the service can see and mend what it was not told', async t => {
  const receiver = await WebhookReceiver.start(t)
  const settings: Env = {
    WEBHOOK_URL: `${receiver.url}?token=hunter2`,
    WEBHOOK_SECRET: webhookSecret,
    WEBHOOK_RETRY_MS: '100'
  }
  const embedded = setUps.find(({ name }) => name === 'embedded')!
  const world = await startWorld(t, embedded, { settings })
  const clinic = new Clinic(t, world)
  await clinic.open()
  const ann = await clinic.ann('http')
  const command = (...args: string[]) => runCli(['webhooks', ...args], world.settings)

  await t.test(
    'a lock and its booking are told in the words of the contract, and no customer is',
    async t => {
      const slot = clinic.slot()
      const { lock } = (await ann.must('lock', { calendar, slots: [slot] })) as Lock
      await ann.must('book', { lock: lock.id, customer: { name: 'Ada Lovelace', email: 'ada@example.com' } })
      await until('both are told', () => receiver.taken().length === 2)
      const [held] = receiver.taken('lock.held')
      t.match(held!.body.data, {
        calendar,
        slots: [slot],
        lock: lock.id,
        fence: lock.fence,
        by: lock.by,
        actor: 'visitor'
      })
      t.match(receiver.taken('booking.made')[0]!.body.data, {
        lock: lock.id,
        slots: [slot],
        booking: /^[\w-]{22}$/
      })
      t.notMatch(JSON.stringify(receiver.received), /Ada|ada@/)
      t.strictSame(receiver.forged, [])
      t.equal(await world.a.metric('slotlock_webhooks_delivered_total'), 2)
      t.equal(await world.a.metric('slotlock_webhooks_sending'), 1)
    }
  )

  let instance = world.a
  const another = () => Instance.start(t, world.settings)
  await t.test('what was committed when the instance was killed is told by the next', async () => {
    receiver.react = () => 'hang'
    const { lock } = (await ann.must('lock', { calendar, slots: clinic.slots(1) })) as Lock
    await world.a.process.kill('SIGKILL')
    receiver.react = () => 204
    instance = await another()
    await until('it is told', () =>
      receiver.taken('lock.held').some(({ body }) => body.data.lock === lock.id)
    )
  })

  await t.test(
    'an endpoint that answered 410 is seen on /health and in the list, and mended by commands',
    async t => {
      receiver.react = () => 410
      const bob = await Visitor.open(t, 'http', instance)
      const { lock } = (await bob.must('lock', { calendar, slots: clinic.slots(1) })) as Lock
      const health = async (): Promise<Health> => (await (await instance.get('/health')).json()) as Health
      await until('/health says so', async () =>
        (await health()).findings.some(({ code }) => code === 'webhooks-gone')
      )

      const listed = await command()
      t.equal(listed.code, 3)
      t.match(listed.stdout, /^endpoint 1 {2}http:\/\/127\.0\.0\.1:\d+\/\*\*\* {2}answered 410.*1 dead$/m)
      t.match(listed.stdout, /dead {2}evt_[\w-]+_\d+ {2}lock\.held {2}clinic .* after 1 attempts: 410/)
      t.notMatch(listed.stdout + instance.log, /hunter2|whsec_/)
      t.match(JSON.parse((await command('--json')).stdout), {
        endpoints: [
          {
            number: 1,
            gone: true,
            dead: 1,
            deadLetters: [{ event: { data: { lock: lock.id } }, answer: /410/ }]
          }
        ]
      })

      receiver.react = () => 204
      const tested = await command('test')
      t.equal(tested.code, 0)
      t.match(tested.stdout, /took it: 204/)
      t.match(await command('replay', '--dead'), { code: 0, stdout: /^1 webhooks wait/ })
      await until('it is told', () =>
        receiver.taken('lock.held').some(({ body }) => body.data.lock === lock.id)
      )
      const id = receiver.taken('lock.held').find(({ body }) => body.data.lock === lock.id)!.id
      t.match(await command('replay', '--id', id, '--endpoint', '1'), { code: 0, stdout: /^1 webhooks/ })
      await until('it is told again', () => receiver.taken().filter(one => one.id === id).length === 2)
      await until('all is well', async () => {
        const codes = (await health()).findings.map(({ code }) => code)
        return !codes.some(code => code.startsWith('webhooks-'))
      })
    }
  )

  await t.test('a word that the command does not know is told, and what it needs', async t => {
    const wrong: [args: string[], message: string][] = [
      [['resend'], "webhooks knows no 'resend'"],
      [['replay'], 'one of --dead, --id ID and --since TIME'],
      [['replay', '--dead', '--id', '1'], 'one of --dead'],
      [['replay', '--id', 'first'], '--id first is no id'],
      [['replay', '--since', 'lately'], '--since lately is no time'],
      [['replay', '--dead', '--endpoint', '2'], '--endpoint 2 is none of 1 to 1'],
      [['discard'], 'needs --dead'],
      [['test', 'now'], "Unexpected argument 'now'"]
    ]
    for (const [args, message] of wrong) {
      const failure = await webhooks(world.settings, args).catch((error: unknown) => error)
      t.type(failure, UsageError, args.join(' '))
      t.match(String(failure), message)
    }
  })
})
