import t from 'tap'
import { asyncApiDocument } from '../../src/protocol/asyncapi.js'
import { type ErrorCode, errorCodes } from '../../src/protocol/codes.js'
import type { Json, JsonObject } from '../../src/protocol/document-schemas.js'
import { connectionMessages, pushes } from '../../src/protocol/messages.js'
import { openApiDocument } from '../../src/protocol/openapi.js'
import { type OperationSpec, operations } from '../../src/protocol/operations.js'

const openApi = openApiDocument('1.2.3')
const asyncApi = asyncApiDocument('1.2.3')
const specs = Object.entries(operations) as [string, OperationSpec][]

function references(json: Json): string[] {
  if (Array.isArray(json)) return json.flatMap(references)
  if (typeof json !== 'object' || json === null) return []
  const own = typeof json.$ref === 'string' ? [json.$ref] : []
  return [...own, ...Object.values(json).flatMap(references)]
}

function resolve(document: Json, reference: string): Json | undefined {
  let at: Json | undefined = document
  for (const part of reference.split('/').slice(1)) at = (at as JsonObject | undefined)?.[part]
  return at
}

const at = (json: Json, ...path: string[]): Json | undefined => resolve(json, `#/${path.join('/')}`)

for (const [name, document] of [
  ['OpenAPI', openApi],
  ['AsyncAPI', asyncApi]
] as const) {
  t.test(`${name}: every reference leads somewhere, and what has a name is written once`, t => {
    const all = references(document)
    t.ok(all.length > 20)
    for (const reference of new Set(all)) t.ok(resolve(document, reference), reference)
    const lock = JSON.stringify(at(document, 'components', 'schemas', 'Lock'))
    t.equal(JSON.stringify(document).split(lock).length, 2)
    t.strictSame(JSON.parse(JSON.stringify(document)), document, 'it is JSON all through')
    t.end()
  })
}

t.test(
  'OpenAPI: every operation with an address is there, with its parameters, body, answer and errors',
  t => {
    t.equal(openApi.openapi, '3.1.0')
    const ids = new Set<string>()
    for (const [name, { http, params, errors, access, idempotencyKey }] of specs) {
      if (http === undefined) continue
      const path = http.path.replace(/:([a-z]+)/gi, '{$1}')
      const operation = (openApi.paths as Record<string, Record<string, JsonObject>>)[path]?.[
        http.method.toLowerCase()
      ]
      if (operation === undefined) {
        t.fail(`${name} is missing`)
        continue
      }
      ids.add(String(operation.operationId))
      t.equal(operation.operationId, name)
      const given = (operation.parameters as { name: string; in: string }[]).filter(
        ({ in: place }) => place !== 'header'
      )
      const media = (operation.requestBody as { content: Record<string, { schema: JsonObject }> } | undefined)
        ?.content
      const inBody = Object.keys(
        (media?.['application/json']?.schema.properties as JsonObject | undefined) ?? {}
      )
      const members = Object.keys((params as unknown as { properties: object }).properties)
      t.strictSame(
        [...given.map(({ name }) => name), ...inBody].sort(),
        members.sort(),
        `${name}: all parameters, each once`
      )
      const statuses = Object.keys(operation.responses as JsonObject)
      for (const code of errors as ErrorCode[])
        t.ok(statuses.includes(String(errorCodes[code].status)), `${name}: ${code}`)
      t.ok(statuses.includes(String(http.status)))
      const open = JSON.stringify(operation.security) === '[{},{"session":[]}]'
      t.equal(open, access === 'anyone', `${name}: security`)
      const headers = (operation.parameters as { name: string }[]).some(
        ({ name }) => name === 'Idempotency-Key'
      )
      t.equal(headers, idempotencyKey !== undefined, `${name}: Idempotency-Key`)
    }
    t.equal(ids.size, specs.filter(([, { http }]) => http !== undefined).length)
    t.end()
  }
)

t.test('AsyncAPI: every message, its answer and every push is there', t => {
  t.equal(asyncApi.asyncapi, '3.0.0')
  const asked = [...Object.keys(connectionMessages), ...specs.flatMap(([, { ws }]) => ws ?? [])]
  for (const type of asked) {
    t.match(at(asyncApi, 'operations', type), { action: 'receive', reply: { messages: { length: 2 } } }, type)
    t.match(at(asyncApi, 'components', 'messages', type, 'payload'), {
      required: /id/,
      properties: { type: { const: type } }
    })
    t.ok(at(asyncApi, 'components', 'messages', `${type}Answer`))
  }
  for (const type of Object.keys(pushes))
    t.match(at(asyncApi, 'operations', `${type}Push`), { action: 'send' })
  t.equal(Object.keys(asyncApi.operations as JsonObject).length, asked.length + Object.keys(pushes).length)
  t.end()
})
