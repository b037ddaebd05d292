import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, readConfig } from '../src/config.js'
import { embeddedSecret } from '../src/embedded-secret.js'

async function folder(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'slotlock-secret-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

t.test('a secret is made once, kept, and readable by its owner alone', async t => {
  const data = join(await folder(t), 'deep', 'data')
  const made = await embeddedSecret(data)
  t.strictSame(readConfig({ SLOTLOCK_SECRET: made }).secrets, [made], 'and good enough for SLOTLOCK_SECRET')
  t.equal(await embeddedSecret(data), made)
  t.equal((await stat(join(data, 'secret'))).mode & 0o777, 0o600)
  t.equal((await stat(data)).mode & 0o777, 0o700)
  t.strictSame(await readdir(data), ['secret'], 'and no draft is left behind')
})

t.test('many who ask at once get one secret', async t => {
  const data = await folder(t)
  const made = await Promise.all(Array.from({ length: 20 }, () => embeddedSecret(data)))
  t.equal(new Set(made).size, 1)
  t.strictSame(await readdir(data), ['secret'])
})

t.test('another folder has another secret', async t => {
  t.not(await embeddedSecret(await folder(t)), await embeddedSecret(await folder(t)))
})

t.test('a file that holds no secret is left as it is, and said to be wrong', async t => {
  const data = await folder(t)
  for (const text of ['', 'short\n', `two,${'x'.repeat(40)}`, `${'x'.repeat(40)} blank`]) {
    await writeFile(join(data, 'secret'), text)
    await t.rejects(embeddedSecret(data), ConfigError)
    t.equal(await readFile(join(data, 'secret'), 'utf8'), text)
  }
})

t.test('a folder that cannot be made is the error of the file system', async t => {
  const data = await folder(t)
  await writeFile(join(data, 'file'), '')
  await t.rejects(embeddedSecret(join(data, 'file')), { code: 'ENOTDIR' })
})
