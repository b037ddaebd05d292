import { connectionMessages } from '../../src/protocol/messages.js'
import { type OperationName, type OperationSpec, operations } from '../../src/protocol/operations.js'
import { until } from '../helpers/process.js'
import { type Answer, WsClient } from '../helpers/ws-client.js'
import { type Ask, type AskName, wellFormed } from './asks.js'
import { answerWithinMs, type Case, count } from './case.js'
import { mutateText, mutateTree } from './mutations.js'
import { mayNot, wrongAnswer, wrongPush } from './verdict.js'
import type { Who } from './world.js'

/**
 * Operations by WebSocket: a few sockets of different people, who ask for each other's locks as well as for their own,
 * in turn and in bursts, well and badly.
 */

const typeOf = (name: AskName): string =>
  Object.hasOwn(operations, name) ? ((operations[name as OperationName] as OperationSpec).ws ?? name) : name
const names = [
  ...(Object.entries(operations) as [OperationName, OperationSpec][])
    .filter(([, { ws }]) => ws !== undefined)
    .map(([name]) => name),
  ...(Object.keys(connectionMessages) as AskName[])
]
const kinds = [
  [8, 'visitor'],
  [3, 'staff'],
  [2, 'staff elsewhere'],
  [1, 'host'],
  [2, 'admin'],
  [1, 'expired'],
  [1, 'nobody']
] as const satisfies readonly (readonly [number, Who['kind']])[]

interface Sent {
  id: unknown
  /** Absent: nobody can say what the server takes it for. */
  ask: Ask | undefined
}

/** A socket that has said hello, and its accounts: each frame that is sent is answered once. */
class Caller {
  readonly who: Who
  readonly client: WsClient
  readonly #case: Case
  readonly #pending: Sent[] = []
  #sent = 0
  #answers = 0
  #judged = 0
  #nextId = 1

  private constructor(of: Case, who: Who, client: WsClient) {
    this.#case = of
    this.who = who
    this.client = client
  }

  static async open(of: Case, kind: Who['kind']): Promise<Caller> {
    const who = of.world.regular(kind, of.dice.random)
    const client = await WsClient.open(of.world.instance.ws, who.token)
    const { session, resumed } = client.session as { session: string; resumed: boolean }
    if (resumed !== (who.token !== undefined && kind !== 'expired'))
      of.finds('a token is what it is', `${kind} was resumed: ${resumed}`)
    return new Caller(of, { ...who, session }, client)
  }

  get isOpen(): boolean {
    return this.client.close === undefined && this.client.socket.readyState === this.client.socket.OPEN
  }

  get outstanding(): number {
    return this.#sent - this.#answers
  }

  send(ask: Ask): void {
    const { dice } = this.#case
    const id = dice.chance(0.9) ? this.#nextId++ : dice.pick([`s${this.#nextId++}`, -this.#nextId++])
    const tree: Record<string, unknown> = { id, type: typeOf(ask.operation), ...structuredClone(ask.params) }
    const isBad = dice.chance(0.5)
    if (isBad) mutateTree(tree, dice)
    let text = JSON.stringify(tree)
    const isGarbled = isBad && dice.chance(0.25)
    if (isGarbled) text = mutateText(text, dice)
    // what it says in the end, if that can be told
    const isReadable = !isGarbled && tree.id === id && tree.type === typeOf(ask.operation)
    this.#pending.push({
      id: idIn(text),
      ask: isReadable ? { operation: ask.operation, params: tree } : undefined
    })
    if (!isReadable) for (const params of [ask.params, tree]) this.#case.ledger.unanswered({ params })
    this.#sent += 1
    this.#case.step(`${this.who.kind} > ${text}`)
    count(this.#case.tally.sent, 'messages')
    this.client.send(text)
  }

  /** Waits until everything is answered, or the connection closed, and judges what came. */
  async settle(): Promise<void> {
    await until(
      'each message is answered',
      () => this.#take() === 0 || this.client.close !== undefined,
      answerWithinMs
    ).catch(() => {
      this.#case.finds('each message is answered', `${this.outstanding} are not`)
      this.client.socket.terminate()
    })
    if (this.client.close !== undefined) {
      count(this.#case.tally.outcomes, `close ${this.client.close.code}`)
      if (![1000, 1008, 1009].includes(this.client.close.code))
        this.#case.finds(
          'a socket is closed for a reason',
          `${this.client.close.code} ${this.client.close.reason}`
        )
      this.forgetTheRest()
    }
  }

  /** What is not answered now never will be. */
  forgetTheRest(): void {
    for (const { ask } of this.#pending) if (ask !== undefined) this.#case.ledger.unanswered(ask)
  }

  /** Judges new frames. Answers how many answers are missing. */
  #take(): number {
    const { frames } = this.client
    for (; this.#judged < frames.length; this.#judged++) {
      const frame = frames[this.#judged]!
      if ('ok' in frame) {
        // the first is hello's
        if (this.#judged > 0) this.#judge(frame as Answer)
      } else {
        const wrong = wrongPush(frame)
        if (wrong !== undefined) this.#case.finds('a push has its shape', wrong)
      }
    }
    return this.outstanding
  }

  #judge(answer: Answer): void {
    this.#answers += 1
    count(this.#case.tally.outcomes, answer.error?.code ?? 'ok')
    const asked = this.#pending.filter(({ id }) => id === answer.id)
    if (asked.length === 0 && answer.id !== null) {
      this.#case.finds('an answer is to something', JSON.stringify(answer))
      return
    }
    if (asked.length === 1) this.#pending.splice(this.#pending.indexOf(asked[0]!), 1)
    // what went bad may have got another's id: which of them was answered nobody can tell
    else for (const { ask } of asked) if (ask !== undefined) this.#case.ledger.unanswered(ask)
    const ask = asked.length === 1 ? asked[0]!.ask : undefined
    const wrong = wrongAnswer(ask?.operation, answer)
    if (wrong !== undefined) this.#case.finds('an answer has its shape', wrong)
    if (ask === undefined) return
    if (answer.error?.code === 'OUTCOME_UNKNOWN') this.#case.ledger.unanswered(ask)
    if (answer.error !== undefined) return
    const forbidden = mayNot(ask, this.who, this.#case.ledger, true)
    if (forbidden !== undefined)
      this.#case.finds('nobody gets what is not theirs', `${forbidden}: ${JSON.stringify(answer.result)}`)
    this.#case.ledger.answered(ask, this.who.session, answer.result!)
    this.#case.knowledge.learn(answer.result!)
  }
}

/** As the server will read it: a text that was cut through a character arrives as another one. */
function idIn(text: string): unknown {
  try {
    const { id } = JSON.parse(Buffer.from(text).toString()) as { id: unknown }
    return id
  } catch {
    return undefined
  }
}

export async function messages(of: Case): Promise<void> {
  const { dice } = of
  const callers: Caller[] = []
  try {
    for (let left = dice.int(1, 3); left > 0; left--)
      callers.push(await Caller.open(of, dice.weighted(kinds)))
    for (let left = dice.int(4, 30); left > 0; left--) {
      const caller = dice.pick(callers)
      if (!caller.isOpen) continue
      caller.send(wellFormed(names, dice, of.knowledge))
      if (dice.chance(0.6) || caller.outstanding > 20) await caller.settle()
    }
    for (const caller of callers) {
      // some go without waiting for what they asked
      if (dice.chance(0.15)) caller.forgetTheRest()
      else await caller.settle()
    }
  } finally {
    for (const { client } of callers) {
      if (dice.chance(0.5)) client.socket.close(1000)
      else client.socket.terminate()
    }
    await Promise.all(callers.map(({ client }) => client.closed().catch(() => client.socket.terminate())))
  }
}
