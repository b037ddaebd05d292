import t from 'tap'
import { printConfig, readConfig } from '../../src/config.js'
import { otherWebhookSecret, webhookSecret } from '../helpers/webhook-receiver.js'
import { problemsOf } from './problems.js'

const url = 'https://host.example/hooks/hunter2'
const good = { WEBHOOK_URL: url, WEBHOOK_SECRET: webhookSecret }

t.test(
  'endpoints, secrets and events are read; what is printed gives neither secret nor path away',
  async t => {
    const env = {
      WEBHOOK_URL: `${url}, http://127.0.0.1:9000/`,
      WEBHOOK_SECRET: `${otherWebhookSecret},${webhookSecret}`,
      WEBHOOK_EVENTS: 'booking.made, booking.cancelled'
    }
    const config = readConfig(env)
    t.match(config.webhooks, {
      urls: [url, 'http://127.0.0.1:9000/'],
      secrets: [otherWebhookSecret, webhookSecret],
      types: ['booking.made', 'booking.cancelled']
    })
    const printed = printConfig(config)
    t.match(printed, 'WEBHOOK_URL=https://host.example/***,http://127.0.0.1:9000\n')
    t.match(printed, 'WEBHOOK_SECRET=***,***\n')
    t.notMatch(printed, /hunter2|whsec_/)
    t.match(
      readConfig({}).webhooks,
      { urls: [], secrets: [], types: [] },
      'nobody is told unless somebody asks'
    )
  }
)

t.test('what cannot be meant is told, each with what to do, and never with the secret', async t => {
  const wrong: [over: Record<string, string>, problem: RegExp][] = [
    [{ WEBHOOK_URL: 'host.example' }, /^WEBHOOK_URL is not a URL like/],
    [
      { WEBHOOK_URL: 'http://host.example/' },
      /^WEBHOOK_URL begins with http:\/\/, and is on another machine/
    ],
    [{ WEBHOOK_URL: 'ftp://host.example/' }, /^WEBHOOK_URL begins with ftp:/],
    [{ WEBHOOK_URL: 'https://a:hunter2@host.example/' }, /^WEBHOOK_URL has a user or password/],
    [{ WEBHOOK_URL: `${url},${url}` }, /names the same endpoint twice/],
    [{ WEBHOOK_URL: [1, 2, 3, 4, 5].map(n => `${url}${n}`).join() }, /names 5 endpoints; 4 are the most/],
    [{ WEBHOOK_SECRET: 'hunter2' }, /^WEBHOOK_SECRET is not whsec_ with base64/],
    [{ WEBHOOK_SECRET: 'whsec_hunter2!' }, /^WEBHOOK_SECRET is not whsec_ with base64/],
    [{ WEBHOOK_SECRET: 'whsec_aHVudGVyMg==' }, /^WEBHOOK_SECRET has a secret of 7 bytes; 24 to 64/],
    [{ WEBHOOK_SECRET: `${webhookSecret},${webhookSecret}` }, /the same secret twice/],
    [{ WEBHOOK_EVENTS: 'booking.mode' }, /^WEBHOOK_EVENTS "booking.mode" is none of/],
    [{ WEBHOOK_SECRET: '' }, /^WEBHOOK_URL is set and WEBHOOK_SECRET is not.*randomBytes/],
    [{ WEBHOOK_URL: '' }, /^WEBHOOK_SECRET is set and WEBHOOK_URL is not/],
    [{ AUDIT_RETENTION_DAYS: '3' }, /^AUDIT_RETENTION_DAYS is 3: with WEBHOOK_URL at least 4/]
  ]
  for (const [over, problem] of wrong) {
    const problems = problemsOf({ ...good, ...over })
    t.equal(problems.length, 1, JSON.stringify(over))
    t.match(problems[0], problem)
    t.notMatch(problems.join(), /hunter2|whsec_\w/)
  }
  t.strictSame(problemsOf({ ...good, AUDIT_RETENTION_DAYS: '4' }), [])
  t.strictSame(
    problemsOf({ AUDIT_RETENTION_DAYS: '1' }),
    [],
    'without webhooks it may be as short as it likes'
  )
})
