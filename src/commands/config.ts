import { printConfig, readConfig } from '../config.js'
import { noArguments } from './arguments.js'

export function printSettings(env: NodeJS.ProcessEnv, args: string[]): void {
  noArguments(args)
  process.stdout.write(`${printConfig(readConfig(env)).trimEnd()}\n`)
}
