import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/app.js'
import type { CalendarId } from '../../src/domain/ids.js'
import { SiteKeys } from '../../src/service/callers/site-keys.js'
import { jwksOf, newSigningKey, signed } from '../helpers/host-signer.js'
import { type Instance, runCli } from '../helpers/instance.js'
import { until } from '../helpers/process.js'
import { setUps, sharedSecret, startWorld, type World } from '../helpers/set-ups.js'
import { WsClient } from '../helpers/ws-client.js'
import { calendar, day, definition, range, slotAt, soon } from './clinic.js'
import { askHttp } from './visitor.js'

t.setTimeout(120_000)

const [embedded] = setUps
const listed = 'https://listed.example'
const shop = 'https://shop.example'
const foreign = 'https://foreign.example'

const define = async (world: World, id: string, more: object = {}) =>
  askHttp(world.a, 'putCalendar', { calendar: id, ...definition, ...more }, world.tokenOf('admin'))

/** The HTTP status of a refused upgrade; 101: it was let in. */
async function connects({ ws }: Instance, origin: string | undefined): Promise<boolean> {
  const client = new WsClient(ws, origin === undefined ? {} : { origin })
  await until('it is open or refused', () => client.socket.readyState !== client.socket.CONNECTING)
  const open = client.socket.readyState === client.socket.OPEN
  client.socket.terminate()
  return open
}

async function pageOf(at: Instance, origin: string | undefined, hello: object = {}): Promise<WsClient> {
  const client = await WsClient.connect(at.ws, origin === undefined ? {} : { origin })
  t.teardown(() => client.socket.terminate())
  const { error } = await client.request('hello', hello)
  if (error !== undefined) throw new Error(error.code)
  return client
}

t.test('a calendar may name the pages that may use it', async t => {
  const world = await startWorld(t, embedded!, { settings: { SLOTLOCK_ORIGINS: listed } })
  const { a } = world
  t.match(await define(world, 'clinic'), { ok: true })
  t.match(await define(world, 'shop', { origins: [shop] }), { ok: true, result: { origins: [shop] } })
  await soon(async () => (await connects(a, shop)) || undefined)
  const own = a.url

  await t.test(
    'who may connect at all: the server’s own pages, those of the settings, those of a calendar',
    async t => {
      for (const origin of [undefined, own, listed, shop]) t.ok(await connects(a, origin), `${origin}`)
      for (const origin of [
        foreign,
        `${shop}.evil`,
        'null',
        'http://shop.example',
        'https://shop.example:444'
      ])
        t.notOk(await connects(a, origin), origin)
    }
  )

  await t.test(
    'by WebSocket each page has the calendars that let it in, and the twin: others have them',
    async t => {
      const days = { from: range.from, to: range.to }
      const operations: [string, (id: string) => object][] = [
        ['watch', id => ({ calendar: id, ...days })],
        ['select', id => ({ calendar: id, slot: slotAt('room-1', 2, 1) })],
        ['lock', id => ({ calendar: id, slots: [slotAt('room-1', 2, 1)], ttlMs: 300 })]
      ]
      for (const [origin, mine, others] of [
        [listed, 'clinic', 'shop'],
        [shop, 'shop', 'clinic']
      ] as const) {
        const page = await pageOf(a, origin)
        for (const [type, params] of operations) {
          t.match(
            await page.request(type, params(others)),
            { ok: false, error: { code: 'FORBIDDEN' } },
            `${origin} ${type}`
          )
          t.match(await page.request(type, params(mine)), { ok: true }, `${origin} ${type}`)
        }
      }
      for (const origin of [undefined, own]) {
        const page = await pageOf(a, origin)
        for (const id of ['clinic', 'shop'])
          t.match(await page.request('watch', { calendar: id, ...days }), { ok: true })
      }
      const board = await pageOf(a, listed, { token: world.tokenOf('staff') })
      t.match(await board.request('staff-watch', { calendar: 'shop' }), { error: { code: 'FORBIDDEN' } })
      t.match(await board.request('staff-watch', { calendar: 'clinic' }), { ok: true })
    }
  )

  await t.test(
    'browsers show a page the answers of its calendars, and let it ask nothing of others',
    async t => {
      const slots = (id: string): string => `/v1/calendars/${id}/slots?from=${day(2)}&to=${day(2)}`
      const readable = async (path: string, origin: string, method = 'GET'): Promise<boolean> => {
        const preflight = method === 'OPTIONS' ? { 'access-control-request-method': 'POST' } : {}
        const response = await fetch(`${a.url}${path}`, { method, headers: { origin, ...preflight } })
        return response.headers.get('access-control-allow-origin') === origin
      }
      for (const method of ['GET', 'OPTIONS']) {
        t.ok(await readable(slots('clinic'), listed, method))
        t.ok(await readable(slots('shop'), shop, method))
        t.notOk(await readable(slots('clinic'), shop, method))
        t.notOk(await readable(slots('shop'), listed, method))
        t.notOk(await readable('/v1/calendars/shop/locks', listed, method))
        for (const origin of [listed, shop]) t.ok(await readable('/v1/calendars', origin, method))
        t.notOk(await readable('/v1/calendars', foreign, method))
      }
      t.ok(await readable('/v1/sessions', shop, 'OPTIONS'))
      t.ok(await readable('/v1/locks', shop, 'OPTIONS'))
      // a page needs no preflight for a simple request, and its answer is not all that matters
      const status = async (origin: string) =>
        (await fetch(`${a.url}${slots('shop')}`, { headers: { origin } })).status
      t.equal(await status(listed), 403)
      t.equal(await status(shop), 200)
    }
  )

  await t.test(
    'a page that only one calendar names reaches no other by a query, a lock or a booking, whoever holds the token',
    async t => {
      const own = world.tokenOf('visitor')
      const visitor = await pageOf(a, listed, { token: own })
      const elsewhere = await pageOf(a, shop, { token: own })
      const slots = [slotAt('room-1', 2, 2)]
      const lockOf = async (): Promise<string> => {
        const { result } = await visitor.request('lock', { calendar: 'clinic', slots })
        return (result as { lock: { id: string } }).lock.id
      }
      const staff = world.tokenOf('staff')
      const status = async (path: string, origin: string, method = 'GET', token = staff): Promise<number> => {
        const headers = { origin, authorization: `Bearer ${token}` }
        return (await fetch(`${a.url}${path}`, { method, headers })).status
      }
      for (const path of ['/v1/staff/locks', '/v1/staff/audit', '/v1/bookings']) {
        t.equal(await status(`${path}?calendar=clinic`, shop), 403, path)
        t.equal(await status(`${path}?calendar=clinic`, listed), 200, path)
      }
      const board = await pageOf(a, shop, { token: staff })
      const host = await pageOf(a, shop, { token: world.tokenOf('host') })
      const lock = await lockOf()
      const booked = { lock, requestId: 'a', customer: { name: 'Ann' } }
      t.match(await board.request('revoke', { lock }), { error: { code: 'FORBIDDEN' } })
      t.equal(await status(`/v1/staff/locks/${lock}`, shop, 'DELETE'), 403)
      t.match(await host.request('book', booked), { error: { code: 'FORBIDDEN' } })
      t.match(await elsewhere.request('locks'), { ok: true, result: { locks: [] } })
      t.match(await visitor.request('locks'), { ok: true, result: { locks: [{ id: lock }] } })
      for (const [type, params] of [
        ['extend', { lock, ttlMs: 60_000 }],
        ['book', booked],
        ['release', { lock }]
      ] as const)
        t.match(await elsewhere.request(type, params), { error: { code: 'FORBIDDEN' } }, type)
      t.equal(await status(`/v1/staff/locks/${lock}`, listed, 'DELETE'), 204)
      const { result } = await visitor.request('book', { ...booked, lock: await lockOf() })
      const { id } = (result as { booking: { id: string } }).booking
      t.equal(await status(`/v1/bookings/${id}`, shop), 403)
      t.equal(await status(`/v1/bookings/${id}`, shop, 'DELETE'), 403)
      t.equal(await status(`/v1/bookings/${id}`, shop, 'DELETE', own), 403)
      t.equal(await status(`/v1/bookings/${id}`, listed), 200)
      t.equal(await status(`/v1/bookings/${id}`, listed, 'DELETE'), 204)
    }
  )

  await t.test(
    'what is no origin is refused, field by field; and a calendar may change its mind',
    async t => {
      for (const wrong of [
        '*',
        'shop.example',
        `${shop}/`,
        'https://Shop.example',
        'ftp://shop.example',
        'https://*.example'
      ])
        t.match(await define(world, 'shop', { origins: [shop, wrong] }), {
          ok: false,
          error: { code: 'INVALID_REQUEST', details: { fields: [{ field: 'origins[1]' }] } }
        })
      t.match(await define(world, 'shop', { origins: Array.from({ length: 33 }, () => shop) }), { ok: false })
      t.match(await define(world, 'shop'), { ok: true })
      await soon(async () => !(await connects(a, shop)) || undefined)
      const page = await pageOf(a, listed)
      t.match(await page.request('watch', { calendar: 'shop', from: range.from, to: range.to }), { ok: true })
    }
  )
})

t.test('a site has a key, and where one is required nobody opens a session without', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-jwks-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const hostKey = newSigningKey('one', 'ES256')
  const HOST_JWKS = join(folder, 'jwks.json')
  writeFileSync(HOST_JWKS, jwksOf(hostKey))
  const host = { HOST_JWKS, HOST_JWT_ISSUER: listed, HOST_JWT_AUDIENCE: 'slots' }
  const settings = { SLOTLOCK_ORIGINS: `${listed},${shop}`, SITE_KEY_REQUIRED: 'yes', ...host }
  const world = await startWorld(t, embedded!, { settings })
  const { a } = world
  for (const id of ['clinic', 'annexe'])
    t.match(await askHttp(a, 'putCalendar', { calendar: id, ...definition }, world.tokenOf('admin')), {
      ok: true
    })
  const keyOf = (origins: string[], calendars?: CalendarId[], at = Date.now()): string =>
    new SiteKeys([sharedSecret], { ...systemClock, now: () => at }).mint({
      origins,
      calendars,
      ttlMs: 3_600_000
    })
  const printed = await runCli(
    ['token', '--role', 'site', '--origin', shop, '--calendar', calendar],
    world.settings
  )
  const key = printed.stdout.trim()
  const open = async (body: object, origin?: string, token?: string) => {
    const response = await fetch(`${a.url}/v1/sessions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(origin && { origin }),
        ...(token && { authorization: `Bearer ${token}` })
      },
      body: JSON.stringify(body)
    })
    return {
      status: response.status,
      ...((await response.json()) as { token: string; session: string; detail: string })
    }
  }
  const hello = async (params: object, origin?: string) => {
    const client = await WsClient.connect(a.ws, origin === undefined ? {} : { origin })
    t.teardown(() => client.socket.terminate())
    return { client, ...(await client.request('hello', params)) }
  }

  await t.test(
    'without a key, with that of another site, or with none at all: no session, on either face',
    async t => {
      const [ours, theirs] = [world.tokenOf('visitor'), `${key}x`]
      const over = keyOf([shop], undefined, Date.now() - 3_700_000)
      for (const [params, origin] of [
        [{}, shop],
        [{}, a.url],
        [{}, undefined],
        [{ key }, listed],
        [{ key }, undefined],
        [{ key: theirs }, shop],
        [{ key: ours }, shop],
        [{ key: over }, shop],
        [{ key: '' }, shop]
      ] as const) {
        t.match(await open(params, origin), { status: 403, code: 'FORBIDDEN' })
        const { client, error } = await hello(params, origin)
        t.match(error, { code: 'FORBIDDEN' })
        t.equal((await client.closed()).code, 1008)
      }
      t.match(await open({ key: 7 }, shop), { status: 400 })
    }
  )

  await t.test('with its key the pages of a site open sessions, for its calendars alone', async t => {
    const opened = await open({ key }, shop)
    t.match(opened, { status: 201, role: 'visitor', calendars: [calendar] })
    const { client, result } = await hello({ key }, shop)
    t.match(result, { role: 'visitor', resumed: false, calendars: [calendar] })
    const slots = [slotAt('room-2', 2, 1)]
    t.match(await client.request('lock', { calendar, slots }), { ok: true })
    t.match(await client.request('lock', { calendar: 'annexe', slots }), { error: { code: 'FORBIDDEN' } })
    t.match(await open({}, shop, opened.token), { status: 201, session: opened.session, resumed: true })
    const everywhere = keyOf([shop, listed])
    const free = await open({ key: everywhere }, listed)
    t.equal(free.status, 201)
    t.notOk('calendars' in free)
  })

  await t.test('the key is no token, and who has a token needs no key', async t => {
    t.equal((await open({ key }, shop, key)).status, 401)
    for (const role of ['staff', 'host', 'admin', 'visitor'] as const)
      t.equal((await open({}, undefined, world.tokenOf(role, [calendar as CalendarId]))).status, 201, role)
    const nowS = Math.floor(Date.now() / 1_000)
    const claims = { iss: listed, aud: 'slots', sub: 'ann', iat: nowS, exp: nowS + 60, calendars: [calendar] }
    const named = signed(hostKey, { ...claims, role: 'visitor' })
    t.match(await open({}, undefined, named), { status: 201, role: 'visitor', resumed: true })
    t.match(await askHttp(a, 'listBookings', { calendar }, signed(hostKey, claims)), { ok: true })
    t.match(await askHttp(a, 'listBookings', { calendar }, named), { error: { code: 'FORBIDDEN' } })
  })

  await t.test('a withdrawn key opens nothing, and the sessions that it opened are over at once', async t => {
    const [lost, kept] = [keyOf([shop]), keyOf([shop])]
    const { client, result } = await hello({ key: lost }, shop)
    const other = await open({ key: kept }, shop)
    const { code } = await runCli(['revoke', lost], world.settings)
    t.equal(code, 0)
    t.equal((await client.closed()).code, 4001)
    t.equal((await open({ key: lost }, shop)).status, 403)
    t.match(await askHttp(a, 'listLocks', {}, result!.token as string), {
      error: { code: 'UNAUTHENTICATED' }
    })
    t.match(await askHttp(a, 'listLocks', {}, other.token), { ok: true })
    t.match(await askHttp(a, 'signOut', {}, other.token), { ok: true })
    t.equal((await open({ key: kept }, shop)).status, 201, 'a visitor who signs out takes no key along')
  })
})
