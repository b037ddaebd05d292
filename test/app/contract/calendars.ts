import { definition, type Subject, soon } from '../clinic.js'
import { askHttp } from '../visitor.js'

/** Calendars are defined by an admin, at one instance, for all of them. */
export const calendars: Subject = async (t, clinic) => {
  const { a, b } = clinic.world
  const admin = clinic.world.tokenOf('admin')
  const hours = { mon: [['09:00', '10:00']] }
  const small = { ...definition, resources: [{ id: 'chair', name: 'Chair', hours }] }

  await t.test(
    'a calendar that is defined at one instance is there at the other, and so is its change',
    async t => {
      const put = await askHttp(a, 'putCalendar', { calendar: 'barber', ...small, name: 'Barber' }, admin)
      t.match(put, {
        ok: true,
        result: { id: 'barber', name: 'Barber', grid: 'hours', resources: [{ id: 'chair' }] }
      })
      const named = (name: string) =>
        soon(async () => {
          const listed = await askHttp(b, 'listCalendars')
          return listed.ok ? listed.result.calendars.find(one => one.name === name) : undefined
        })
      t.match(await named('Barber'), { id: 'barber', timeZone: 'UTC', slotMinutes: 30 })
      await askHttp(a, 'putCalendar', { calendar: 'barber', ...small, name: 'Barbers' }, admin)
      t.match(await named('Barbers'), { id: 'barber', resources: [{ id: 'chair', name: 'Chair' }] })

      const monday = { calendar: 'barber', from: '2030-01-07', to: '2030-01-07' }
      t.match(await askHttp(b, 'readSlots', monday), {
        result: { slots: [{ slot: 'chair/2030-01-07T09:00Z' }, { slot: 'chair/2030-01-07T09:30Z' }] }
      })
    }
  )

  await t.test('an open calendar takes any well-formed slot and lists those that are not free', async t => {
    const open = { ...definition, grid: 'open', resources: [] }
    t.match(await askHttp(a, 'putCalendar', { calendar: 'host', ...open }, admin), { ok: true })
    const ann = await clinic.ann('http')
    const slot = 'anything/2030-01-07T09:07Z'
    const day = { calendar: 'host', from: '2030-01-07', to: '2030-01-07' }
    t.match(await ann.must('readSlots', day), { slots: [] })
    const { lock } = await ann.must('lock', { calendar: 'host', slots: [slot] })
    t.match(await ann.must('readSlots', day), { slots: [{ slot, state: 'locked' }] })
    await ann.must('release', { lock: lock.id })
  })

  await t.test('nobody but an admin defines a calendar', async t => {
    const put = (token?: string) => askHttp(a, 'putCalendar', { calendar: 'mine', ...small }, token)
    t.match(await put(), { ok: false, error: { code: 'UNAUTHENTICATED' } })
    for (const role of ['visitor', 'staff', 'host'] as const)
      t.match(await put(clinic.world.tokenOf(role)), { ok: false, error: { code: 'FORBIDDEN' } })
    const ofAnother = clinic.world.tokenOf('admin', ['barber'])
    t.match(await put(ofAnother), { ok: false, error: { code: 'FORBIDDEN' } })
    t.match(await askHttp(a, 'readSlots', { calendar: 'mine', from: '2030-01-07', to: '2030-01-07' }), {
      error: { code: 'CALENDAR_NOT_FOUND' }
    })
  })

  await t.test('a wrong definition is told all its mistakes at once', async t => {
    const fieldsOf = async (wrong: object): Promise<string[]> => {
      const put = await askHttp(a, 'putCalendar', { calendar: 'wrong', ...small, ...wrong }, admin)
      if (put.ok) return []
      t.equal(put.error.code, 'INVALID_REQUEST')
      return (put.error.details?.fields ?? []).map(({ field }) => field)
    }
    t.strictSame(
      await fieldsOf({
        timeZone: 'Mars/Olympus',
        resources: [
          { id: 'chair', name: 'Chair', hours: { mon: [['10:00', '09:00']] } },
          { id: 'chair', name: 'Chair again' }
        ],
        exceptions: [{ date: '2030-02-30', resource: 'nobody', hours: [] }]
      }),
      [
        'timeZone',
        'resources[0].hours.mon[0]',
        'resources[1].id',
        'exceptions[0].date',
        'exceptions[0].resource'
      ]
    )
    t.strictSame(await fieldsOf({ slotMinutes: 0, name: '' }), ['name', 'slotMinutes'])
    t.strictSame(
      await fieldsOf({ exeptions: [] }),
      ['exeptions'],
      'a misspelt holiday would be a working day'
    )
    t.strictSame(await fieldsOf({ id: 'another' }), ['id'])
    t.match(await askHttp(a, 'listCalendars'), { ok: true })
    const listed = await askHttp(a, 'listCalendars')
    t.notOk(
      listed.ok && listed.result.calendars.some(({ id }) => id === 'wrong'),
      'and nothing is there of it'
    )
  })
}
