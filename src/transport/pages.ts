import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

/** The pages and scripts for browsers, one line each; the files are what `src/browser/build.mjs` makes. */

interface Page {
  url: string
  /** In the folder of the build. */
  file: string
  /** How long a browser uses it without asking whether there is a newer one, in seconds. */
  maxAgeS: number
}

/** Pages are asked for anew each time; a script is a few minutes old at most, on whatever page it is. */
const pageS = 0
const scriptS = 300

const pages: readonly Page[] = [
  { url: '/', file: 'demo/index.html', maxAgeS: pageS },
  { url: '/staff', file: 'board/index.html', maxAgeS: pageS },
  { url: '/staff.css', file: 'board/staff.css', maxAgeS: pageS },
  { url: '/staff-board.js', file: 'board/staff-board.js', maxAgeS: pageS },
  { url: '/demo.css', file: 'demo/demo.css', maxAgeS: pageS },
  { url: '/icon.svg', file: 'demo/icon.svg', maxAgeS: scriptS },
  { url: '/slot-picker.js', file: 'widget/slot-picker.js', maxAgeS: scriptS },
  { url: '/client.js', file: 'client/index.js', maxAgeS: scriptS }
]

/** `folder`: of the build. What is not there is not found; the API does not depend on it. */
export async function registerPages(app: FastifyInstance, folder: string): Promise<void> {
  await app.register(fastifyStatic, { root: folder, serve: false, preCompressed: true })
  for (const { url, file, maxAgeS } of pages) {
    app.get(url, async (_request, reply) =>
      // Scripts and pictures are for the pages of others too; without this a module of another origin is refused.
      reply.header('access-control-allow-origin', '*').sendFile(file, { maxAge: maxAgeS * 1_000 })
    )
  }
}
