import { Kind, type Packet } from './words.js'

/** Names, for the story that a counter-example tells. */
export const userName = (user: number): string => 'ABCD'[user]!
export const slotName = (slot: number): string => `s${slot + 1}`
export const instanceName = (instance: number): string => `i${instance + 1}`
export const slotStateNames = ['free', 'locked', 'booked']

export const lockName = (lock: number, attempts: number): string =>
  `${userName(Math.floor(lock / attempts))}${(lock % attempts) + 1}`

export const slotNames = (slots: number): string => ['nothing', 's1', 's2', 's1 and s2'][slots]!

const kindNames: { [kind in Kind]: string } = {
  [Kind.lock]: 'lock',
  [Kind.extend]: 'extend',
  [Kind.release]: 'release',
  [Kind.book]: 'book',
  [Kind.bookIfStillFree]: 'book-if-still-free',
  [Kind.sweep]: 'the sweep of',
  [Kind.revoke]: 'the revocation of',
  [Kind.lockSecondHalf]: 'the second half of lock'
}

export const packetName = (packet: Packet, attempts: number): string =>
  `${kindNames[packet.kind]} ${lockName(packet.lock, attempts)}${packet.late ? ', late' : ''}`
