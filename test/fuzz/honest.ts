import { performance } from 'node:perf_hooks'
import { WsClient } from '../helpers/ws-client.js'
import type { Findings } from './findings.js'
import { quiet, rooms, type World } from './world.js'

/**
 * A visitor who does nothing wrong, beside all the others: looks, locks, extends, books or releases, over and over, by
 * WebSocket and with a reading by HTTP. Each step has to succeed.
 */
export class Honest {
  readonly #world: World
  readonly #findings: Findings
  readonly #token: string
  #round = 0
  /** How long each step took, milliseconds. */
  readonly tookMs: number[] = []

  constructor(world: World, findings: Findings) {
    this.#world = world
    this.#findings = findings
    this.#token = world.newcomer('visitor').token!
  }

  get visits(): number {
    return this.#round
  }

  async visit(): Promise<void> {
    const round = this.#round++
    try {
      await this.#visit(round)
    } catch (error) {
      this.#findings.add('who does nothing wrong is served', `visit ${round}: ${String(error)}`)
    }
  }

  async #visit(round: number): Promise<void> {
    const { instance } = this.#world
    const day = new Date(Date.now() + (2 + Math.floor(round / (48 * rooms.length))) * 86_400_000)
      .toISOString()
      .slice(0, 10)
    const minutes = (round % 48) * 30
    const time = new Date(minutes * 60_000).toISOString().slice(11, 16)
    const slot = `${rooms[Math.floor(round / 48) % rooms.length]}/${day}T${time}Z`
    const client = await this.#timed(() => WsClient.open(instance.ws, this.#token))
    try {
      const ask = async (type: string, params: object): Promise<Record<string, unknown>> => {
        const { result, error } = await this.#timed(() => client.request(type, params))
        if (result === undefined) throw new Error(`${type}: ${JSON.stringify(error)}`)
        return result
      }
      await ask('watch', { calendar: quiet, from: day, to: day })
      const { lock } = (await ask('lock', {
        calendar: quiet,
        slots: [slot],
        requestId: `honest-${round}`
      })) as { lock: { id: string } }
      await client.next('slots', push => JSON.stringify(push).includes(slot))
      await ask('extend', { lock: lock.id })
      if (round % 2 === 0)
        await ask('book', { lock: lock.id, customer: { name: 'Honest' }, requestId: `book-${round}` })
      else await ask('release', { lock: lock.id })
      const page = await this.#timed(() =>
        fetch(`${instance.url}/v1/calendars/${quiet}/slots?from=${day}&to=${day}`)
      )
      const { slots } = (await page.json()) as { slots: { slot: string; state: string }[] }
      const state = slots.find(other => other.slot === slot)?.state
      if (state !== (round % 2 === 0 ? 'booked' : 'free')) throw new Error(`${slot} is ${state}`)
    } finally {
      await client.end()
    }
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const from = performance.now()
    const result = await work()
    this.tookMs.push(performance.now() - from)
    return result
  }
}
