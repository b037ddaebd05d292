import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import { revocationMarginMs, tokenLifeMaxMs } from '../../../src/domain/revocation.js'
import { RevokedSessions } from '../../../src/service/callers/revoked-sessions.js'
import { endingSessionsHandlers } from '../../../src/service/changing/ending-sessions.js'
import type { SqlLockStore } from '../../../src/stores/sql/lock-store.js'
import {
  callerNamed,
  codeOf,
  locked,
  refusalIn,
  serviceWorld,
  sessionNamed,
  slotAt,
  storeWith
} from '../service-world.js'

const admin = callerNamed('admin', 'admin')

async function scene(t: Parameters<typeof serviceWorld>[0], instead: Partial<SqlLockStore> = {}) {
  const world = await serviceWorld(t)
  const revoked = new RevokedSessions()
  const store = storeWith(world.store as SqlLockStore, instead)
  const handlers = endingSessionsHandlers({
    ...world.deps,
    store,
    revoked,
    maxima: { all: 4, ofVisitors: 3 }
  })
  return { world, revoked, handlers, store }
}

t.test('the end stands until the last token of the session has run out', async t => {
  const { world, handlers, store } = await scene(t)
  const [short, long] = [{ ...callerNamed('ann'), tokenLifeMs: 60_000 }, sessionNamed('bob')]
  t.equal(codeOf(await handlers.signOut(short, {})), 'ok')
  t.equal(codeOf(await handlers.revokeSession(admin, { session: long })), 'ok')
  const { revocations } = await store.readRevocations(undefined, 10)
  t.strictSame(revocations, [
    { session: short.session, at: world.clock.ms, until: world.clock.ms + 60_000 + revocationMarginMs },
    { session: long, at: world.clock.ms, until: world.clock.ms + tokenLifeMaxMs + revocationMarginMs }
  ])
})

t.test('its locks are let go, each under its own id, and those of others stay', async t => {
  const { world, handlers } = await scene(t)
  const [ann, bob, cid] = ['ann', 'bob', 'cid'].map(name => callerNamed(name))
  await locked(world, ann!, [slotAt(0), slotAt(1)])
  await locked(world, ann!, [slotAt(2)])
  await locked(world, bob!, [slotAt(3)])
  const kept = await locked(world, cid!, [slotAt(4)])
  await handlers.signOut(ann!, {})
  await handlers.revokeSession(admin, { session: bob!.session! })
  const live = await world.store.readLiveLocks({ calendar: kept.calendar as never })
  t.strictSame(
    live.map(({ id }) => id),
    [kept.id]
  )
  const ended = world.announcer.locks.filter(({ state }) => state !== 'held')
  t.strictSame(
    ended.map(({ state }) => state),
    ['released', 'released', 'revoked']
  )
})

t.test('past the bound nobody is ended, and visitors meet theirs first', async t => {
  const { handlers, revoked } = await scene(t)
  for (const name of ['a', 'b', 'c']) t.equal(codeOf(await handlers.signOut(callerNamed(name), {})), 'ok')
  t.match(refusalIn(await handlers.signOut(callerNamed('d'), {})), {
    code: 'LIMIT_EXCEEDED',
    details: { limit: 'revocations', max: 3 }
  })
  t.equal(codeOf(await handlers.signOut(callerNamed('staff', 'staff'), {})), 'ok', 'there is room for staff')
  t.equal(codeOf(await handlers.signOut(callerNamed('other', 'staff'), {})), 'LIMIT_EXCEEDED')
  t.equal(codeOf(await handlers.signOut(callerNamed('a'), {})), 'ok', 'what stands is no more than it was')
  t.equal(revoked.size, 4)
})

t.test('while the database is out nobody new is ended, and what was stays', async t => {
  const unavailable = async (): Promise<never> => {
    throw new StoreUnavailable('out')
  }
  const { handlers, revoked, store } = await scene(t)
  await handlers.signOut(callerNamed('a'), {})
  const out = endingSessionsHandlers({
    ...(await serviceWorld(t)).deps,
    store: storeWith(store, { putRevocation: unavailable } as never),
    revoked
  })
  await t.rejects(out.signOut(callerNamed('b'), {}), { code: 'STORE_UNAVAILABLE' })
  t.ok(revoked.has(sessionNamed('a')))
  t.notOk(revoked.has(sessionNamed('b')))
})

t.test('a session is over also when its locks cannot be let go: they run out', async t => {
  const unavailable = async (): Promise<never> => {
    throw new StoreUnavailable('out')
  }
  const { world, handlers, revoked } = await scene(t, { release: unavailable })
  const ann = callerNamed('ann')
  const lock = await locked(world, ann, [slotAt(0)])
  t.equal(codeOf(await handlers.signOut(ann, {})), 'ok')
  t.ok(revoked.has(ann.session!))
  world.clock.ms = lock.expiresAt
  await locked(world, callerNamed('bob'), [slotAt(0)])
})
