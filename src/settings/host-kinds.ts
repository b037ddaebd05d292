import { readFileSync } from 'node:fs'
import { parseJwks } from '../service/callers/jwks.js'
import { isLoopback, type Kind, ok, quoted, urlOf, wrong } from './kinds.js'

/** Where the host's public keys are. A file is read at once, so that what is wrong with it is told with all other mistakes. */
export const jwksSource: Kind<string | undefined> = {
  name: 'path of a JWKS file, or https URL of one',
  parse(text) {
    if (text === '') return ok(undefined)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return urlProblem(text) ?? ok(text)
    try {
      const { keys, problems } = parseJwks(readFileSync(text, 'utf8'))
      return keys.length > 0 ? ok(text) : wrong(`${quoted(text)} ${problems.join('; ')}`)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error
      return wrong(`${quoted(text)} cannot be read: ${code}`)
    }
  },
  print: text => text ?? ''
}

/** Who can change the keys on their way is the host to us. */
function urlProblem(text: string): { status: 'WRONG'; problem: string } | undefined {
  const url = urlOf(text)
  if (url === null) return wrong(`${quoted(text)} is not a URL`)
  if (url.username !== '' || url.password !== '')
    return wrong('has a user or password in it; the keys are public')
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return undefined
  return wrong(`${quoted(text)} is not an https URL; http is for this machine's own addresses alone`)
}
