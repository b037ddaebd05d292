import t from 'tap'
import { Announcer, pauseMs, sameAgainMs } from '../../../src/browser/widget/announcer.js'

t.test('the first words are said at once', async t => {
  t.equal(new Announcer().say('held', 0), 'held')
})

t.test('of what comes during the pause only the last is said, after it', async t => {
  const announcer = new Announcer()
  announcer.say('one', 0)
  t.equal(announcer.say('two', 100), undefined)
  t.equal(announcer.say('three', 200), undefined)
  t.equal(announcer.dueInMs(200), pauseMs - 200)
  t.equal(announcer.due(pauseMs - 1), undefined)
  t.equal(announcer.due(pauseMs), 'three')
  t.equal(announcer.dueInMs(pauseMs), undefined)
})

t.test('a hundred changes in ten seconds are a handful of announcements', async t => {
  const announcer = new Announcer()
  let said = 0
  for (let ms = 0; ms < 10_000; ms += 100) {
    if (announcer.due(ms) !== undefined) said++
    if (announcer.say(`change ${ms}`, ms) !== undefined) said++
  }
  t.ok(said <= 10_000 / pauseMs + 1, `${said} announcements`)
})

t.test('what is urgent does not wait', async t => {
  const announcer = new Announcer()
  announcer.say('one', 0)
  t.equal(announcer.say('a minute left', 10, true), 'a minute left')
})

t.test('the same words are not repeated within a while, and what waited behind them is dropped', async t => {
  const announcer = new Announcer()
  announcer.say('taken', 0)
  announcer.say('free', 100)
  t.equal(announcer.say('taken', 200), undefined)
  t.equal(announcer.dueInMs(200), undefined)
  t.equal(announcer.say('taken', sameAgainMs), 'taken')
})
