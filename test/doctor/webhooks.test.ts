import t from 'tap'
import { systemClock } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { examineWebhooks } from '../../src/doctor/webhooks.js'
import { otherWebhookSecret, WebhookReceiver, webhookSecret } from '../helpers/webhook-receiver.js'

t.test('the doctor finds out whether each endpoint takes what is signed, and tells no secret', async t => {
  const [well, refusing, away] = [
    await WebhookReceiver.start(t),
    await WebhookReceiver.start(t, otherWebhookSecret),
    await WebhookReceiver.start(t)
  ]
  await away.close()
  const urls = [well, refusing, away].map(({ url }) => `${url}?key=hunter2`)
  const examine = (list: string[]) =>
    examineWebhooks(
      readConfig({ WEBHOOK_URL: list.join(), WEBHOOK_SECRET: list.length > 0 ? webhookSecret : '' }),
      '0.1.0',
      systemClock
    )
  const examined = (await examine(urls))!
  t.match(well.taken(), [{ id: /^test_/, body: { type: 'webhook.test' } }])
  t.match(examined.facts, [/took a test in \d+ ms$/])
  t.match(examined.findings, [
    { code: 'webhooks-refused', what: /^endpoint 2 .*: 401$/ },
    { code: 'webhooks-unreachable', what: /^endpoint 3 .*ECONNREFUSED$/ }
  ])
  t.notMatch(JSON.stringify(examined), /hunter2|whsec_/)
  t.equal(await examine([]), undefined, 'without an endpoint there is nothing to look at')
})
