import t from 'tap'
import { datesOf, dayCountOf, periodAt, turned } from '../../../src/browser/widget/period.js'

const today = '2026-11-28'
const wide = { today, count: 7, narrow: false }
const narrow = { today, count: 7, narrow: true }

t.test('days that are past are not shown', async t => {
  t.strictSame(periodAt('2026-11-01', today), { first: today, day: undefined })
  t.strictSame(turned({ first: '2026-11-30', day: undefined }, -7, wide).first, today)
})

t.test('a wide widget turns by as many days as it is told', async t => {
  t.equal(turned(periodAt(today, today), 7, wide).first, '2026-12-05')
})

t.test('a narrow one steps through its days, and over the end to the next ones', async t => {
  t.strictSame(turned(periodAt(today, today), 1, narrow), { first: today, day: '2026-11-29' })
  const last = { first: today, day: '2026-12-04' }
  t.strictSame(turned(last, 1, narrow), { first: '2026-12-05', day: '2026-12-05' })
  t.strictSame(turned({ first: '2026-12-05', day: '2026-12-05' }, -1, narrow), {
    first: today,
    day: '2026-12-04'
  })
  t.strictSame(turned({ first: today, day: today }, -1, narrow), { first: today, day: today })
})

t.test('one to fourteen days are shown, and what is no number is a week', async t => {
  t.strictSame(
    [0, 1, 14, 99, Number.NaN].map(days => dayCountOf(days, false)),
    [1, 1, 14, 14, 7]
  )
  t.equal(dayCountOf(14, true), 7)
  t.equal(datesOf(periodAt(today, today), 3).join(), '2026-11-28,2026-11-29,2026-11-30')
})
