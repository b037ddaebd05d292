import { type GeneratorLoad, voidReasons, watchOwnLoad, watchSteal } from './lag.js'
import type { Report } from './report.js'

export interface Rounds<T> {
  values: T[]
  /** No round counted; the values are those of void rounds, to look at and not to judge by. */
  isVoid: boolean
}

/**
 * Runs rounds until `count` of them count, at most twice as many. Whatever is compared is measured inside one round,
 * side by side, so that a noisy minute of the machine falls on both.
 *
 * `round` reports the loads of other client processes through `addLoads`; that of this process is measured here. What
 * else makes a round worthless it says through `spoil`: a reference, say, that took as long as what it is there to judge.
 */
export async function runRounds<T>(
  report: Report,
  count: number,
  round: (
    index: number,
    addLoads: (loads: readonly GeneratorLoad[]) => void,
    spoil: (why: string) => void
  ) => Promise<T>
): Promise<Rounds<T>> {
  const counted: T[] = []
  const voided: T[] = []
  const reasons = new Set<string>()
  for (let index = 0; index < 2 * count && counted.length < count; index++) {
    const loads: GeneratorLoad[] = []
    const ownLoad = watchOwnLoad()
    const steal = watchSteal()
    const spoilt: string[] = []
    const value = await round(
      index,
      more => loads.push(...more),
      reason => spoilt.push(reason)
    )
    const why = [...voidReasons([...loads, ownLoad()], steal()), ...spoilt]
    if (why.length === 0) counted.push(value)
    else {
      voided.push(value)
      for (const reason of why) reasons.add(reason)
    }
  }
  if (voided.length > 0)
    report.note(
      `${voided.length} of ${voided.length + counted.length} rounds void: ${[...reasons].join('; ')}`
    )
  return counted.length > 0 ? { values: counted, isVoid: false } : { values: voided, isVoid: true }
}
