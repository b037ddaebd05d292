import { randomBytes } from 'node:crypto'
import t from 'tap'
import { CustomerCipher, keyIdOf } from '../../../src/stores/sql/customer-cipher.js'
import { newBooking } from '../lock-store-fixture.js'

const key = randomBytes(32)
const cipher = new CustomerCipher([key])
const booking = newBooking()
const plain = Buffer.from('{"name":"Ada"}')
const sealed = cipher.seal(booking, 'customer', plain)!

t.test('what is sealed says nothing, is different each time, and comes back as it was', async t => {
  t.notOk(sealed.includes('Ada'))
  t.notOk(sealed.equals(cipher.seal(booking, 'customer', plain)!))
  t.equal(cipher.open(booking, 'customer', sealed).toString(), plain.toString())
  t.equal(cipher.seal(booking, 'meta', null), null)
})

t.test('it is bound to its booking and its column, and a flipped bit is noticed', async t => {
  const elsewhere = { code: 'STORE_CONTRACT', message: /is not what was written there/ }
  t.throws(() => cipher.open(newBooking(), 'customer', sealed), elsewhere)
  t.throws(() => cipher.open(booking, 'meta', sealed), elsewhere)
  for (const at of [5, 20, sealed.length - 1]) {
    const bent = Buffer.from(sealed)
    bent[at]! ^= 1
    t.throws(() => cipher.open(booking, 'customer', bent), elsewhere)
  }
  t.throws(() => cipher.open(booking, 'customer', sealed.subarray(0, 20)), elsewhere, 'nor is one cut short')
})

t.test('the second key reads what the first one of yesterday wrote', async t => {
  const next = new CustomerCipher([randomBytes(32), key])
  t.equal(next.open(booking, 'customer', sealed).toString(), plain.toString())
  t.not(keyIdOf(next.seal(booking, 'customer', plain)!), keyIdOf(sealed))
  t.equal(next.isCurrent(sealed), false)
  t.throws(
    () => new CustomerCipher([randomBytes(32)]).open(booking, 'customer', sealed),
    /CUSTOMER_KEY does not have/
  )
})

t.test('without a key everything stays as it is, and a fingerprint too', async t => {
  const none = new CustomerCipher([])
  t.equal(none.seal(booking, 'customer', plain), plain)
  t.equal(none.open(booking, 'customer', plain).toString(), plain.toString())
  t.equal(none.fingerprint('hash'), 'hash')
})

t.test(
  'a fingerprint under a key is known again by it and by no other, and says nothing about the guess',
  async t => {
    const fingerprint = cipher.fingerprint('hash')
    t.notMatch(fingerprint, /hash/)
    t.ok(cipher.isSameFingerprint(fingerprint, 'hash'))
    t.ok(cipher.isSameFingerprint('hash', 'hash'), 'one from before the key')
    t.notOk(cipher.isSameFingerprint(fingerprint, 'other'))
    t.notOk(new CustomerCipher([randomBytes(32)]).isSameFingerprint(fingerprint, 'hash'))
    t.ok(new CustomerCipher([randomBytes(32), key]).isSameFingerprint(fingerprint, 'hash'))
  }
)
