import t from 'tap'
import type { CalendarId, SessionId } from '../../../src/domain/ids.js'
import { randomSessionId } from '../../../src/service/callers/tokens.js'
import { viewerTag } from '../../../src/service/callers/viewer-tag.js'

const calendar = (id: string): CalendarId => id as CalendarId
const session = 'AZaz09_-AZaz09_-AZaz09' as SessionId

t.test('a tag is the same on every instance and after every restart', async t => {
  // a value worked out once, outside: if it ever differs, two versions of the service name one visitor differently
  t.equal(viewerTag(session, calendar('demo')), 'AUDQpBZo45RM')
  t.equal(viewerTag(session, calendar('demo')), 'AUDQpBZo45RM', 'also when it is remembered')
})

t.test('a session has another tag in each calendar, and none of them contains it', async t => {
  const one = viewerTag(session, calendar('one'))
  const two = viewerTag(session, calendar('two'))
  t.not(one, two)
  t.match(one, /^[A-Za-z0-9_-]{12}$/)
  t.notOk(session.includes(one))
})

t.test('more tags than are remembered change nothing about any of them', async t => {
  const before = viewerTag(session, calendar('demo'))
  const seen = new Set<string>()
  for (let count = 0; count < 25_000; count += 1) seen.add(viewerTag(randomSessionId(), calendar('demo')))
  t.equal(seen.size, 25_000)
  t.equal(viewerTag(session, calendar('demo')), before)
})
