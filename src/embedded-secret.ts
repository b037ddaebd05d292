import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from './config.js'
import { secretCharactersMin } from './settings/kinds.js'

const fileName = 'secret'

/**
 * The secret of an instance that was given none: made once and kept beside its database, so that sessions survive a
 * restart. Readable by its owner alone. Whoever calls at the same time gets the same one.
 *
 * Written in full under another name first and then linked: a file that exists is complete, also when the machine
 * stops in between, and a link never replaces what somebody else was quicker to make.
 *
 * Throws ConfigError when the file holds something else, and the file system's own error when it refuses.
 */
export async function embeddedSecret(folder: string): Promise<string> {
  const path = join(folder, fileName)
  const kept = await readSecret(path)
  if (kept !== undefined) return kept

  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`)
    await file.sync()
    await link(draft, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await file.close()
    await unlink(draft)
  }
  const made = await readSecret(path)
  if (made === undefined) throw new Error(`${path} was there a moment ago and is gone`)
  return made
}

async function readSecret(path: string): Promise<string | undefined> {
  let text: string
  try {
    text = (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  if (text.length >= secretCharactersMin && /^[\x21-\x2b\x2d-\x7e]+$/.test(text)) return text
  throw new ConfigError([
    `${path} holds no secret of at least ${secretCharactersMin} printable characters. Remove it and a new one is made, ` +
      'which ends all sessions; or set SLOTLOCK_SECRET'
  ])
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
