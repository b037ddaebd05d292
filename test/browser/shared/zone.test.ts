import t from 'tap'
import { Temporal } from 'temporal-polyfill'
import { addDays, daysBetween, isDate, Zone, zoneOr } from '../../../src/browser/shared/zone.js'

t.test(
  'an instant has the wall-clock time that Temporal says, on every quarter of days with clock changes',
  async t => {
    const days = {
      'Europe/Berlin': ['2026-03-29', '2026-10-25'],
      'America/New_York': ['2026-03-08', '2026-11-01'],
      'Australia/Lord_Howe': ['2026-04-05', '2026-10-04'],
      'Asia/Kathmandu': ['2026-01-01'],
      'Pacific/Apia': ['2011-12-29', '2011-12-31']
    }
    for (const [name, dates] of Object.entries(days)) {
      const zone = new Zone(name)
      for (const date of dates) {
        const startMs = Date.parse(`${date}T00:00Z`) - 14 * 3_600_000
        for (let ms = startMs; ms < startMs + 52 * 3_600_000; ms += 300_000) {
          const expected = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(name)
          const { date, minutes } = zone.at(ms)
          const found = `${date} ${minutes}`
          const wanted = `${expected.toPlainDate()} ${expected.hour * 60 + expected.minute}`
          if (found !== wanted) return t.equal(found, wanted, `${name} at ${new Date(ms).toISOString()}`)
        }
      }
      t.pass(name)
    }
  }
)

t.test('a zone that nobody knows is the reader’s own', async t => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  t.equal(zoneOr('Mars/Olympus').name, own)
  t.equal(zoneOr(null).name, own)
  t.equal(zoneOr('Asia/Tokyo').name, 'Asia/Tokyo')
})

t.test('dates count days, whatever the clocks do', async t => {
  t.equal(addDays('2026-03-28', 2), '2026-03-30')
  t.equal(addDays('2026-01-01', -1), '2025-12-31')
  t.equal(daysBetween('2026-03-28', '2026-03-30'), 2)
  t.equal(isDate('2026-02-30'), false)
  t.equal(isDate('2026-02-28'), true)
})
