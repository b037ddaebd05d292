import { type OperationName, type OperationSpec, operations } from '../../src/protocol/operations.js'
import { answersIn, type HttpAnswer, RawSocket } from '../helpers/raw-socket.js'
import { type Ask, wellFormed } from './asks.js'
import { answerWithinMs, type Case, count } from './case.js'
import { mutateText, mutateTree } from './mutations.js'
import { oddText } from './odd-values.js'
import { mayNot, wrongHttpAnswer } from './verdict.js'
import type { Who } from './world.js'

/** Operations by HTTP: several people on one connection, as behind a proxy, who ask for theirs and for each other's. */

const names = (Object.entries(operations) as [OperationName, OperationSpec][])
  .filter(([, { http }]) => http !== undefined)
  .map(([name]) => name)
const kinds = [
  [8, 'visitor'],
  [3, 'staff'],
  [1, 'staff elsewhere'],
  [1, 'host'],
  [3, 'admin'],
  [1, 'expired'],
  [1, 'forged'],
  [1, 'nobody']
] as const satisfies readonly (readonly [number, Who['kind']])[]
const types = [
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'application/json;;',
  ''
]

interface Request {
  method: string
  path: string
  headers: string[]
  body: string
  /** Absent: nobody can say what the server takes it for. */
  ask: Ask | undefined
}

function requestOf(ask: Ask, who: Who, of: Case): Request {
  const { dice } = of
  const { http, idempotencyKey } = operations[ask.operation as OperationName] as OperationSpec
  const params = structuredClone(ask.params)
  const isBad = dice.chance(0.5)
  if (isBad && dice.chance(0.7)) mutateTree(params, dice)
  const rest: Record<string, unknown> = { ...params }
  let path = http!.path.replace(/:([a-z]+)/gi, (_, name: string) => {
    const { [name]: value } = rest
    delete rest[name]
    return (
      encodeURIComponent(
        wellFormedText(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'x'))
      ) || '%20'
    )
  })
  // a name that is in the path is what the path says
  const named = Object.fromEntries(
    [...http!.path.matchAll(/:([a-z]+)/gi)].map(([, name]) => [name!, params[name!]])
  )
  let isReadable = Object.values(named).every(value => typeof value === 'string')
  const headers: string[] = []
  const key = idempotencyKey === undefined ? undefined : rest[idempotencyKey]
  if (typeof key === 'string' && /^[\x21-\x7e]{1,100}$/.test(key) && dice.chance(0.7)) {
    if (dice.chance(0.9)) delete rest.requestId
    headers.push(`idempotency-key: ${key}`)
  }
  let body = ''
  if (http!.method === 'GET') {
    const query = Object.entries(rest).map(
      ([name, value]) =>
        `${encodeURIComponent(wellFormedText(name))}=${encodeURIComponent(wellFormedText(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')))}`
    )
    if (isBad && dice.chance(0.2))
      query.push(
        dice.pick([
          'calendar=demo&calendar=annexe',
          '%',
          '&&&=',
          'from[]=1',
          '__proto__=1',
          `x=${'y'.repeat(6_000)}`
        ])
      )
    if (query.length > 0) path += `?${query.join('&')}`
  } else if (Object.keys(rest).length > 0 || dice.chance(0.1)) {
    body = JSON.stringify(rest)
    if (isBad && dice.chance(0.2)) {
      body = mutateText(body, dice)
      isReadable = false
    }
    headers.push(`content-type: ${isBad && dice.chance(0.2) ? dice.pick(types) : 'application/json'}`)
  }
  if (who.token !== undefined)
    headers.push(
      `authorization: ${isBad && dice.chance(0.05) ? dice.pick(['Basic YTpi', 'Bearer', 'Bearer a b', 'bearer  x', '']) : `Bearer ${who.token}`}`
    )
  if (dice.chance(0.1)) headers.push(`x-request-id: ${headerText(oddText(dice))}`)
  if (dice.chance(0.1))
    headers.push(`origin: ${dice.pick(['null', 'https://evil.example', '%', headerText(oddText(dice))])}`)
  if (dice.chance(0.05)) headers.push(`x-forwarded-for: ${headerText(oddText(dice))}`)
  if (dice.chance(0.1)) headers.push(`user-agent: ${headerText(oddText(dice)).repeat(dice.pick([1, 3]))}`)
  if (!isReadable) for (const named of [ask.params, params]) of.ledger.unanswered({ params: named })
  return {
    method: http!.method,
    path,
    headers,
    body,
    ask: isReadable ? { operation: ask.operation, params } : undefined
  }
}

/** encodeURIComponent throws on half a character. */
const wellFormedText = (text: string): string => Buffer.from(text).toString()
/** What a header may carry; what it may not is for `http-bytes.ts`. */
const headerText = (text: string): string => text.replace(/[^\x20-\x7e\x80-\xff]/g, '?').slice(0, 2_000)

export function bytesOf({ method, path, headers, body }: Omit<Request, 'ask'>): Buffer {
  const payload = Buffer.from(body)
  const length = payload.length > 0 || method === 'POST' ? [`content-length: ${payload.length}`] : []
  const head = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1', ...headers, ...length, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), payload])
}

export async function requests(of: Case): Promise<void> {
  const { dice, world } = of
  const people = dice.times(dice.int(1, 3), () => world.regular(dice.weighted(kinds), dice.random))
  let socket: RawSocket | undefined
  try {
    for (let left = dice.int(3, 20); left > 0; left--) {
      if (socket === undefined || socket.socket.destroyed) socket = await RawSocket.connect(world.port)
      // several at once are answered in order; see RFC 9112, 9.3.2
      const together = dice.times(dice.chance(0.8) ? 1 : dice.int(2, 6), () => {
        const who = dice.pick(people)
        return { who, request: requestOf(wellFormed(names, dice, of.knowledge), who, of) }
      })
      const from = socket.heard.length
      for (const { request } of together) {
        of.step(
          `${request.method} ${request.path} ${request.headers.filter(line => !line.startsWith('authorization')).join(' ')} ${request.body}`
        )
        count(of.tally.sent, 'requests')
        socket.write(bytesOf(request))
      }
      const answers = await answersTo(together.length, socket, from, of)
      for (const [index, { who, request }] of together.entries()) judge(request, who, answers[index], of)
      // what the server closed after is a new connection for the next
      if (answers.length < together.length || answers.at(-1)?.headers.get('connection') === 'close') {
        socket.drop()
        socket = undefined
      }
    }
  } finally {
    socket?.drop()
    await socket?.closed()
  }
}

async function answersTo(many: number, socket: RawSocket, from: number, of: Case): Promise<HttpAnswer[]> {
  let answers: HttpAnswer[] = []
  const look = (heard: Buffer): boolean => {
    try {
      answers = answersIn(heard.subarray(from))
      return answers.length >= many
    } catch {
      return false
    }
  }
  if (!(await socket.hears(look, answerWithinMs)))
    of.finds('each request is answered', `${answers.length} of ${many}`)
  return answers
}

function judge({ ask }: Request, who: Who, answer: HttpAnswer | undefined, of: Case): void {
  if (answer === undefined) {
    if (ask !== undefined) of.ledger.unanswered(ask)
    return
  }
  const isOk = answer.status < 400
  const code = /"code":"([A-Z_]+)"/.exec(answer.body)?.[1]
  count(of.tally.outcomes, isOk ? 'ok' : (code ?? String(answer.status)))
  const wrong = wrongHttpAnswer(ask?.operation, answer)
  if (wrong !== undefined) of.finds('an answer has its shape', wrong)
  if (ask === undefined) return
  of.ledger.heard(ask.params, `${ask.operation} ${answer.status} ${code ?? ''}, case ${of.number}`)
  if (!isOk) {
    if (code === 'OUTCOME_UNKNOWN') of.ledger.unanswered(ask)
    return
  }
  const forbidden = mayNot(ask, who, of.ledger, false)
  if (forbidden !== undefined) of.finds('nobody gets what is not theirs', `${forbidden}: ${answer.body}`)
  const result = answer.body === '' ? {} : (JSON.parse(answer.body) as Record<string, unknown>)
  of.ledger.answered(ask, who.session, result)
  of.knowledge.learn(result)
}
