// Loaded into the instance before slotlock itself. On SIGWINCH it collects garbage and adds a line to the file that
// FUZZ_VITALS names: what is left then is in use. A signal, because a socket or a timer of its own would be counted; and
// that one, because slotlock stops on all others.
import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

process.on('SIGWINCH', () => {
  collect()
  // what a finalizer of the first round let go of is gone after the second
  setImmediate(() => {
    collect()
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
    const resources = {}
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
    appendFileSync(
      process.env.FUZZ_VITALS,
      `${JSON.stringify({ rss, heapUsed, external, arrayBuffers, resources })}\n`
    )
  })
})
