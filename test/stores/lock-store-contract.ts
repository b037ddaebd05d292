import type { Test } from 'tap'
import { auditPromises } from './lock-store-audit.js'
import { togetherPromises } from './lock-store-batches.js'
import { blockPromises, bookPromises, cancelPromises } from './lock-store-bookings.js'
import { endPromises, sweepPromises } from './lock-store-ends.js'
import type { Declare, Subject } from './lock-store-fixture.js'
import { grantPromises, replacePromises } from './lock-store-grants.js'
import { randomHistories } from './lock-store-histories.js'
import { privacyPromises } from './lock-store-privacy.js'
import { instancePromises, keepingPromises, readPromises } from './lock-store-upkeep.js'

/** Every promise of the port, held against one kind of store. `open` gives a fresh, migrated database each time. */
export function lockStoreContract(t: Test, open: () => Promise<Subject>): void {
  const promise: Declare = (title, check) => {
    void t.test(title, async t => {
      const subject = await open()
      t.teardown(() => subject.close())
      await check(t, subject)
    })
  }
  grantPromises(promise)
  replacePromises(promise)
  togetherPromises(promise)
  endPromises(promise)
  bookPromises(promise)
  cancelPromises(promise)
  blockPromises(promise)
  sweepPromises(promise)
  readPromises(promise)
  keepingPromises(promise)
  auditPromises(promise)
  privacyPromises(promise)
  instancePromises(promise)
  randomHistories(promise)
}
