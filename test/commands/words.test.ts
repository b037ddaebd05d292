import t from 'tap'
import { revoke } from '../../src/commands/revoke.js'
import { token } from '../../src/commands/token.js'
import { UsageError } from '../../src/commands/usage-error.js'

t.test('a command that lacks a word, or has one too many, says which', async t => {
  const site = (...more: string[]): Promise<void> => token({}, ['--role', 'site', ...more])
  for (const [run, message] of [
    [() => site(), /--role site needs an --origin/],
    [() => site('--origin', '*'), /--origin \* is no site/],
    [() => site('--origin', 'shop.example'), /"shop.example" is not an origin/],
    [() => site('--origin', 'https://shop.example/'), /its origin is https:\/\/shop.example/],
    [() => token({}, ['--role', 'staff', '--origin', 'https://shop.example']), /--origin is for --role site/],
    [() => revoke({}, []), /which token or session/],
    [() => revoke({}, ['--all']), /Unknown option '--all'/],
    [() => revoke({}, ['one', 'another']), /Unexpected argument 'another'/]
  ] as const)
    await t.rejects(run, { constructor: UsageError, message })
})
