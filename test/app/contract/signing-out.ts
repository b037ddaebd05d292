import { calendar, type Subject, soon } from '../clinic.js'
import { askHttp, Visitor } from '../visitor.js'

/** A session may be ended before its time, by who has it and by an admin; then it is over everywhere. */
export const signingOut: Subject = async (t, clinic, face) => {
  const { a, b, instances } = clinic.world
  const isOver = (token: string, at = a): Promise<true | undefined> =>
    askHttp(at, 'listLocks', {}, token).then(
      reply => (!reply.ok && reply.error.code === 'UNAUTHENTICATED') || undefined
    )

  await t.test(
    'who signs out is signed out at every instance, and every socket of theirs is closed',
    async t => {
      const ann = await clinic.ann(face)
      const elsewhere = await clinic.bob('ws', ann.token)
      const slot = clinic.slot()
      await ann.must('lock', { calendar, slots: [slot] })
      const signedOut = await ann.must('signOut')
      if (face === 'ws') {
        t.strictSame(signedOut, { signedOut: true }, 'answered before the close')
        t.equal((await ann.socket.closed()).code, 4001)
      }
      t.ok(await isOver(ann.token), 'where it was asked for: at once')
      t.equal((await elsewhere.socket.closed()).code, 4001)
      for (const instance of instances) await soon(() => isOver(ann.token, instance))
      t.match(await askHttp(b, 'openSession', {}, ann.token), {
        ok: false,
        error: { code: 'UNAUTHENTICATED' }
      })
      await soon(async () => (await clinic.stateOf(slot)).state === 'free' || undefined)
      const bob = await clinic.bob(face)
      await bob.must('lock', { calendar, slots: [slot] })
      t.match(await askHttp(a, 'signOut', {}, ann.token), { ok: false, error: { code: 'UNAUTHENTICATED' } })
    }
  )

  await t.test('an admin ends a session by its id, and nobody else may', async t => {
    const ann = await clinic.ann('ws')
    const slot = clinic.slot()
    const { lock } = await ann.must('lock', { calendar, slots: [slot] })
    const { session } = ann.session
    for (const role of ['visitor', 'host', 'staff'] as const) {
      const other = await clinic.bob(face, clinic.world.tokenOf(role))
      t.equal((await other.refused('revokeSession', { session })).code, 'FORBIDDEN', role)
    }
    const ofTheClinic = await clinic.bob(face, clinic.world.tokenOf('admin', [calendar]))
    t.equal((await ofTheClinic.refused('revokeSession', { session })).code, 'FORBIDDEN')
    const admin = await clinic.bob(face, clinic.world.tokenOf('admin'))
    t.equal((await admin.refused('revokeSession', { session: 'nobody' })).code, 'INVALID_REQUEST')
    await admin.must('revokeSession', { session })
    await admin.must('revokeSession', { session })
    t.equal((await ann.socket.closed()).code, 4001)
    for (const instance of instances) await soon(() => isOver(ann.token, instance))
    const { entries } = await admin.must('readAudit', { calendar })
    t.match(
      entries.find(entry => entry.lock === lock.id && entry.type === 'revoked'),
      { actor: { role: 'admin', session: admin.session.session }, reason: 'the session was ended' }
    )
  })

  await t.test('a withdrawn staff token signs nobody in, and takes the board away at once', async t => {
    const token = clinic.world.tokenOf('staff', [calendar])
    const staff = await clinic.bob('ws', token)
    await staff.must('staffLocks', { calendar })
    const admin = await clinic.ann(face, clinic.world.tokenOf('admin'))
    await admin.must('revokeSession', { session: staff.session.session })
    t.equal((await staff.socket.closed()).code, 4001)
    await t.rejects(Visitor.open(t, face, b, token))
  })
}
