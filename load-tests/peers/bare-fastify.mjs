/** The least that starts, listens and answers in this framework: POST / gives 201. */
import Fastify from 'fastify'

const app = Fastify({ logger: false })
app.post('/', (_request, reply) => reply.code(201).send({ lock: 'bare' }))
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
