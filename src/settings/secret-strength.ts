/** Half of what 32 random characters of base64 hold: nobody's random secret has less, and most sentences have. */
const bitsMin = 96
/** What people write where a secret belongs. */
const tellTaleWords = /secret|passw|change.?me|example|slotlock|default|qwerty|letmein|12345/i

/**
 * Why a secret of sufficient length is weak all the same; undefined: it may well be random. It cannot be proved to be;
 * this catches what people type when they have to fill in a line.
 */
export function weaknessOf(secret: string): string | undefined {
  if (tellTaleWords.test(secret)) return 'holds a word that is guessed first'
  if (/^(.{1,16}?)\1+.?$/s.test(secret)) return 'repeats itself'
  if (runs(secret) > secret.length / 2) return 'counts up or down'
  if (entropyBits(secret) < bitsMin) return 'is made of too few different characters'
  return undefined
}

/** Characters that follow the one before them in the alphabet, or repeat it. */
function runs(text: string): number {
  let count = 0
  for (let i = 1; i < text.length; i++) {
    if (Math.abs(text.charCodeAt(i) - text.charCodeAt(i - 1)) <= 1) count++
  }
  return count
}

/** Shannon's measure, of the characters as they are distributed in the text itself. */
function entropyBits(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length)
  return bits
}
