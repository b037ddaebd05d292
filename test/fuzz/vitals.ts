import { existsSync, readFileSync } from 'node:fs'
import { until } from '../helpers/process.js'

/** How the instance is, from within, right after its garbage was collected. Bytes. */
export interface Vitals {
  rss: number
  heapUsed: number
  external: number
  arrayBuffers: number
  /** What keeps its event loop alive, by kind: sockets, timers that were not let go of, requests to files. */
  resources: Record<string, number>
}

/** Asks `inside.mjs`, which the instance was started with. */
export class VitalsReader {
  readonly #pid: number
  readonly #file: string
  #asked = 0

  constructor(pid: number, file: string) {
    this.#pid = pid
    this.#file = file
  }

  async read(): Promise<Vitals> {
    this.#asked += 1
    process.kill(this.#pid, 'SIGWINCH')
    await until('the instance said how it is', () => this.#lines().length >= this.#asked)
    return JSON.parse(this.#lines().at(-1)!) as Vitals
  }

  #lines(): string[] {
    return existsSync(this.#file)
      ? readFileSync(this.#file, 'utf8').trimEnd().split('\n').filter(Boolean)
      : []
  }
}
