import type { Refusal } from '../service/answers/refusal.js'
import { calendarsPerConnectionMax, inFlightPerConnectionMax } from './settings.js'

/** What a connection refuses by itself, before the service hears of it. */

/** How soon who meets a bound of the connection may try again. */
const busyRetryAfterMs = 100

export const sessionOver: Refusal = {
  code: 'UNAUTHENTICATED',
  message: 'The session is over: connect again for a new one'
}

export const tooManyCalendars: Refusal = {
  code: 'LIMIT_EXCEEDED',
  message: 'Too many calendars on one connection',
  details: { limit: 'calendarsPerConnection', max: calendarsPerConnectionMax }
}

export const tooManyInFlight: Refusal = {
  code: 'BUSY',
  message: `${inFlightPerConnectionMax} requests of this connection are on their way already`,
  retryAfterMs: busyRetryAfterMs
}

export const tooManyMessages = (retryAfterMs: number): Refusal => ({
  code: 'RATE_LIMITED',
  message: 'Too many messages on this connection',
  retryAfterMs
})

export const aboutToStop = (reconnectInMs: number): Refusal => ({
  code: 'BUSY',
  message: 'This server is about to stop',
  retryAfterMs: Math.ceil(reconnectInMs)
})
