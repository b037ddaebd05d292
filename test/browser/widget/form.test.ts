import t from 'tap'
import { customerOf, fieldsOf, noValues, problemsOf } from '../../../src/browser/widget/form.js'

t.test('the name is always asked for, the others as the page wishes', async t => {
  t.strictSame(fieldsOf(''), [{ name: 'name', required: true }])
  t.strictSame(fieldsOf('phone, email* shoe-size'), [
    { name: 'name', required: true },
    { name: 'email', required: true },
    { name: 'phone', required: false }
  ])
})

t.test('what must be given is missed, blanks are nothing, and an address has two sides', async t => {
  const fields = fieldsOf('email* phone')
  t.strictSame(
    [...problemsOf({ ...noValues, name: '  ' }, fields)],
    [
      ['name', 'nameMissing'],
      ['email', 'emailMissing']
    ]
  )
  t.strictSame([...problemsOf({ ...noValues, name: 'Ann', email: 'ann' }, fields)], [['email', 'emailWrong']])
  t.equal(problemsOf({ ...noValues, name: 'Ann', email: 'ann@localhost' }, fields).size, 0)
  t.equal(
    problemsOf({ ...noValues, name: 'Ann' }, fieldsOf('email')).size,
    0,
    'an optional one may stay empty'
  )
})

t.test('only what is shown and given is sent', async t => {
  const values = { name: ' Ann ', email: '', phone: '+49 30 1', note: 'secret' }
  t.strictSame(customerOf(values, fieldsOf('email phone')), { name: 'Ann', phone: '+49 30 1' })
})
