import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireProgram } from './find-program.js'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A certificate authority for one test, made by openssl in a folder of its own; everything in it is thrown away. */
export class Authority {
  /** Paths of PEM files. */
  readonly ca: string
  readonly #key: string
  readonly #folder: string
  #made = 0

  constructor(t: { teardown(end: () => void): void }) {
    this.#folder = mkdtempSync(join(tmpdir(), 'slotlock-ca-'))
    // the database's server may run as somebody else
    chmodSync(this.#folder, 0o755)
    t.teardown(() => rmSync(this.#folder, { recursive: true, force: true }))
    this.ca = join(this.#folder, 'ca.pem')
    this.#key = join(this.#folder, 'ca.key')
    this.#openssl(
      'req',
      '-x509',
      ...newKey(this.#key),
      '-out',
      this.ca,
      '-days',
      '2',
      '-subj',
      '/CN=test authority'
    )
  }

  /** `names` as in a certificate: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(commonName: string, names: readonly string[] = []): Certificate {
    const base = join(this.#folder, `${++this.#made}`)
    const [cert, key, request, extensions] = [`${base}.pem`, `${base}.key`, `${base}.csr`, `${base}.ext`]
    this.#openssl('req', ...newKey(key), '-out', request, '-subj', `/CN=${commonName}`)
    writeFileSync(extensions, names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`)
    this.#openssl(
      ...['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial'],
      ...['-out', cert, '-days', '2', '-extfile', extensions]
    )
    chmodSync(key, 0o644)
    return { cert, key }
  }

  #openssl(...args: string[]): void {
    execFileSync(requireProgram('openssl'), args, { stdio: 'pipe', timeout: 30_000 })
  }
}

const newKey = (path: string): string[] => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  path
]
