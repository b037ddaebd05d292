/** The settings that are one of a few words. */

export const environments = ['development', 'production'] as const
export type Environment = (typeof environments)[number]

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** What production takes only from somebody who says that they mean it. */
export const permissions = ['any-origin', 'weak-secret'] as const
export type Permission = (typeof permissions)[number]

export const tlsModes = ['off', 'verify-ca', 'verify-full'] as const
