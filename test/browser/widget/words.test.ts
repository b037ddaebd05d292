import t from 'tap'
import { Zone } from '../../../src/browser/shared/zone.js'
import {
  freeInWords,
  languageFor,
  noticeInWords,
  slotsInWords,
  troubleInWords
} from '../../../src/browser/widget/words.js'

const english = languageFor(['en-GB'], new Zone('Europe/Berlin'), 1_800_000, {})
const [nine, half] = ['dr-lee/2026-12-01T09:00Z', 'dr-lee/2026-12-01T09:30Z']

t.test('a run of slots is one stretch of time, in the reader’s zone, in whatever order', async t => {
  t.match(slotsInWords([half!, nine!], english), /^Tuesday,? 1 December, 10:00\s?–\s?11:00$/)
  t.equal(slotsInWords([], english), '')
})

t.test('a notice says what happened, until when, and what staff gave as the reason', async t => {
  const until = Date.parse('2026-12-01T08:12Z')
  t.match(
    noticeInWords({ kind: 'taken', slots: [nine!], until }, english).text,
    /until 09:12\. We tell you here/
  )
  t.notMatch(noticeInWords({ kind: 'taken', slots: [nine!], until: undefined }, english).text, /\{|until/)
  t.match(
    noticeInWords({ kind: 'revoked', slots: [nine!], reason: 'He is ill.' }, english).text,
    /: He is ill\. Please/
  )
  t.match(noticeInWords({ kind: 'freed', slots: [nine!] }, english), { action: 'Take it', tone: 'good' })
  t.match(noticeInWords({ kind: 'lastMinute' }, english), { urgent: true, action: 'Keep it longer' })
})

t.test('a reason is text: braces in it are not filled in', async t => {
  const { text } = noticeInWords({ kind: 'revoked', slots: [nine!], reason: '{slots}' }, english)
  t.match(text, /: \{slots\}\. Please/)
})

t.test('numbers have the plural of their language', async t => {
  const arabic = languageFor(['ar'], new Zone('UTC'), 1_800_000, {})
  t.equal(freeInWords(0, english), 'none free')
  t.equal(freeInWords(5, english), '5 free')
  t.equal(freeInWords(2, arabic), 'متاحان')
})

t.test('who holds something is told that it stays theirs', async t => {
  const hold = {
    id: 'x',
    slots: [nine!],
    expiresAt: Date.parse('2026-12-01T08:12Z'),
    extendableUntil: 0,
    endsAt: 0
  }
  t.match(troubleInWords('offline', 'demo', hold, english), /stays yours until 09:12/)
  t.match(troubleInWords('offline', 'demo', undefined, english), /out of date/)
  t.match(troubleInWords('noCalendar', 'demo', undefined, english), /“demo”/)
})
