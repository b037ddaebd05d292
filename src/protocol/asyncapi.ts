import { closeCodes, errorCodes, frameBytesMax, helloWithinMs, subprotocol } from './codes.js'
import { componentSchemas, type Json, type JsonObject, schemaJson } from './document-schemas.js'
import { connectionMessages, MessageIdSchema, pushes } from './messages.js'
import { type OperationSpec, operations } from './operations.js'

/**
 * The WebSocket face as AsyncAPI 3.0, made from the tables that the server answers by. Each request is an operation
 * with its reply; each push is one that the server sends of its own accord.
 */
export function asyncApiDocument(version: string): JsonObject {
  const requests: [type: string, summary: string, params: Json, result: Json][] = [
    ...Object.entries(connectionMessages).map(
      ([type, { summary, params, result }]) =>
        [type, summary, schemaJson(params), schemaJson(result)] as [string, string, Json, Json]
    ),
    ...(Object.values(operations) as OperationSpec[]).flatMap(({ ws, summary, params, result }) =>
      ws === undefined
        ? []
        : [[ws, summary, schemaJson(params), schemaJson(result)] as [string, string, Json, Json]]
    )
  ]
  const messages: JsonObject = { error: errorMessage() }
  const operationsJson: JsonObject = {}
  for (const [type, summary, params, result] of requests) {
    messages[type] = requestMessage(type, summary, params)
    messages[`${type}Answer`] = answerMessage(type, result)
    operationsJson[type] = {
      action: 'receive',
      channel: { $ref: '#/channels/socket' },
      summary,
      messages: [inChannel(type)],
      reply: {
        channel: { $ref: '#/channels/socket' },
        messages: [inChannel(`${type}Answer`), inChannel('error')]
      }
    }
  }
  for (const [type, schema] of Object.entries(pushes)) {
    const name = `${type}Push`
    messages[name] = { name, contentType: 'application/json', payload: schemaJson(schema) }
    operationsJson[name] = {
      action: 'send',
      channel: { $ref: '#/channels/socket' },
      messages: [inChannel(name)]
    }
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'slotlock',
      version,
      description: `One JSON object per text frame, ${frameBytesMax} bytes at most. The first message is \`hello\`, within ${helloWithinMs} ms. A client applies a slot state only if its \`ver\` is greater than the one it has. Close codes: ${closeCodesText()}.`,
      license: { name: 'MIT' }
    },
    defaultContentType: 'application/json',
    channels: {
      socket: {
        address: '/v1/ws',
        title: `Subprotocol ${subprotocol}`,
        messages: Object.fromEntries(
          Object.keys(messages).map(name => [name, { $ref: `#/components/messages/${name}` }])
        ),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } }
      }
    },
    operations: operationsJson,
    components: { messages, schemas: componentSchemas() }
  }
}

const inChannel = (name: string): Json => ({ $ref: `#/channels/socket/messages/${name}` })

const closeCodesText = (): string =>
  Object.entries(closeCodes)
    .map(([name, code]) => `${code} ${name}`)
    .join(', ')

/** The operation's own members beside `id` and `type`, in one object, as they travel. */
function requestMessage(type: string, summary: string, params: Json): JsonObject {
  const { properties, required, ...rest } = params as JsonObject
  return {
    name: type,
    summary,
    contentType: 'application/json',
    correlationId: { location: '$message.payload#/id' },
    payload: {
      ...rest,
      type: 'object',
      properties: { id: schemaJson(MessageIdSchema), type: { const: type }, ...(properties as JsonObject) },
      required: ['id', 'type', ...((required ?? []) as string[])]
    }
  }
}

function answerMessage(type: string, result: Json): JsonObject {
  return {
    name: `${type}Answer`,
    contentType: 'application/json',
    correlationId: { location: '$message.payload#/id' },
    payload: {
      type: 'object',
      properties: { id: schemaJson(MessageIdSchema), ok: { const: true }, result },
      required: ['id', 'ok', 'result']
    }
  }
}

function errorMessage(): JsonObject {
  return {
    name: 'error',
    summary: `Refused, with one of ${Object.keys(errorCodes).join(', ')}`,
    contentType: 'application/json',
    correlationId: { location: '$message.payload#/id' },
    payload: {
      type: 'object',
      properties: {
        id: { anyOf: [schemaJson(MessageIdSchema), { type: 'null' }] },
        ok: { const: false },
        error: { $ref: '#/components/schemas/Error' }
      },
      required: ['id', 'ok', 'error']
    }
  }
}
