import type { Random } from '../../domain/clock.js'

/** 96 bits: names something for as long as somebody may mistake it for another. */
export function nonceOf(random: Random): string {
  let nonce = ''
  for (let i = 0; i < 3; i++) {
    nonce += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  }
  return nonce
}
