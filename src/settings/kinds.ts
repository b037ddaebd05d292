import { isIP } from 'node:net'

/** How the text of a setting is read and written. Text and value go both ways, except that a secret is not written. */
export interface Kind<T> {
  /** For the table of settings. */
  readonly name: string
  /** The problem is a phrase that follows the setting's name, and never repeats what may be secret. */
  parse(text: string): Parsed<T>
  print(value: T): string
}

export type Parsed<T> = { status: 'OK'; value: T } | { status: 'WRONG'; problem: string }

export const ok = <T>(value: T): Parsed<T> => ({ status: 'OK', value })
export const wrong = (problem: string): { status: 'WRONG'; problem: string } => ({ status: 'WRONG', problem })
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
export const itemsOf = (text: string): string[] =>
  text === '' ? [] : text.split(',').map(item => item.trim())

/** Plain decimal digits: `1e3`, `0x10`, `+5`, `10s` and `1_000` are mistakes, however well they are meant. */
export function wholeNumber(min: number, max: number): Kind<number> {
  const name = `whole number from ${min} to ${max}`
  return {
    name,
    parse(text) {
      const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? ok(value) : wrong(`${quoted(text)} is not a ${name}`)
    },
    print: String
  }
}

export function oneOf<const T extends string>(words: readonly T[]): Kind<T> {
  const name = words.join(', ')
  return {
    name,
    parse(text) {
      const word = words.find(candidate => candidate === text)
      return word === undefined ? wrong(`${quoted(text)} is none of ${name}`) : ok(word)
    },
    print: word => word
  }
}

export function textLike(name: string, pattern: RegExp): Kind<string> {
  return {
    name,
    parse: text => (pattern.test(text) ? ok(text) : wrong(`${quoted(text)} is not a ${name}`)),
    print: text => text
  }
}

/** Optional: undefined when empty. `check` tells what is wrong beyond the scheme. */
export function storeUrl(
  example: string,
  schemes: readonly string[],
  check: (url: URL) => string | undefined = () => undefined
): Kind<string | undefined> {
  return {
    name: `URL like ${example}`,
    parse(text) {
      if (text === '') return ok(undefined)
      // `redis:6379` is a URL too, with `redis` for a scheme; and a password must not end up in a message
      const url = urlOf(text)
      if (url === null || url.hostname === '') {
        return wrong(`is not a URL like ${example}; write special characters of a password as %XX`)
      }
      if (!schemes.includes(url.protocol))
        return wrong(`begins with ${url.protocol}//, not ${schemes.join('// or ')}//`)
      const problem = credentialsProblem(url) ?? check(url)
      return problem === undefined ? ok(text) : wrong(problem)
    },
    print: text => (text === undefined ? '' : maskedUrl(text))
  }
}

/** A lone % is let through by URL and breaks whoever decodes it, at the start and with a stack. */
function credentialsProblem(url: URL): string | undefined {
  try {
    decodeURIComponent(url.username)
    decodeURIComponent(url.password)
    return undefined
  } catch {
    return 'has a % in its user or password that begins no %XX; a % itself is %25'
  }
}

export function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}

/** What is sent there never leaves the machine, so it need not be encrypted. */
export function isLoopback({ hostname }: URL): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
  )
}

const secretParameter = /pass|pwd|secret|token|key/i

/** With `***` for every password, in front of the host and behind the question mark. */
export function maskedUrl(text: string): string {
  // Sentinels are a list of hosts, which no URL may have: the first of them stands for all while it is masked
  const list = /^([^/]*\/\/(?:[^@/]*@)?)([^/?#]*,[^/?#]*)(.*)$/.exec(text)
  if (list !== null) {
    const [, before = '', hosts = '', after = ''] = list
    return maskedUrl(`${before}hosts.invalid${after}`).replace('hosts.invalid', hosts)
  }
  const url = urlOf(text)
  if (url === null) return '***'
  if (url.password !== '') url.password = '***'
  // redis://:password@host is often written redis://password@host, where the password is the user
  else if (url.username !== '' && /^(redis|valkey)/.test(url.protocol)) url.username = '***'
  for (const name of [...url.searchParams.keys()]) {
    if (secretParameter.test(name)) url.searchParams.set(name, '***')
  }
  return url.href
}

export const secretCharactersMin = 32

/** None, one, or the one that signs and the one before it. */
export const secretPair: Kind<readonly string[]> = {
  name: `${secretCharactersMin} characters at least, or two such with a comma between`,
  parse(text) {
    const secrets = itemsOf(text)
    if (secrets.length > 2)
      return wrong(`has ${secrets.length} parts; one secret, or the new one and the one before it`)
    if (secrets.some(secret => secret.length < secretCharactersMin)) {
      const shortest = Math.min(...secrets.map(secret => secret.length))
      return wrong(
        `has a secret of ${shortest} characters; at least ${secretCharactersMin} make one hard to guess`
      )
    }
    // also keeps out PEM files, which are made for other algorithms
    if (secrets.some(secret => !/^[\x21-\x7e]+$/.test(secret))) {
      return wrong('has blanks or other characters than printable ASCII in it')
    }
    if (secrets.length === 2 && secrets[0] === secrets[1]) return wrong('has the same secret twice')
    return ok(secrets)
  },
  print: secrets => secrets.map(() => '***').join(',')
}

export const keyBytes = 32

/** None, one, or the one that encrypts and the one before it. */
export const keyPair: Kind<readonly Buffer[]> = {
  name: `${keyBytes} bytes as base64, or two such with a comma between`,
  parse(text) {
    const texts = itemsOf(text)
    if (texts.length > 2)
      return wrong(`has ${texts.length} parts; one key, or the new one and the one before it`)
    const keys: Buffer[] = []
    for (const each of texts) {
      const key = /^[A-Za-z0-9+/_-]+={0,2}$/.test(each) ? Buffer.from(each, 'base64') : Buffer.alloc(0)
      if (key.length !== keyBytes) {
        return wrong(
          `is not ${keyBytes} random bytes as base64. Make them with: node -p "crypto.randomBytes(${keyBytes}).toString('base64')"`
        )
      }
      keys.push(key)
    }
    if (keys.length === 2 && keys[0]!.equals(keys[1]!)) return wrong('has the same key twice')
    return ok(keys)
  },
  print: keys => keys.map(() => '***').join(',')
}

/** Optional: undefined when empty. Never printed. */
export const password: Kind<string | undefined> = {
  name: 'text',
  parse: text => ok(text === '' ? undefined : text),
  print: text => (text === undefined ? '' : '***')
}

/** Empty: none. */
export function listOf<const T extends string>(words: readonly T[]): Kind<readonly T[]> {
  const word = oneOf(words)
  return {
    name: `of ${words.join(', ')}, with commas between`,
    parse(text) {
      const items: T[] = []
      for (const item of itemsOf(text)) {
        const parsed = word.parse(item)
        if (parsed.status === 'WRONG') return parsed
        items.push(parsed.value)
      }
      return ok(items)
    },
    print: items => items.join(',')
  }
}

/** Empty: only pages that this server gave out. `['*']`: any. */
export const originList: Kind<readonly string[]> = {
  name: 'origins with commas between, or *',
  parse(text) {
    const origins = itemsOf(text)
    if (origins.length > 1 && origins.includes('*'))
      return wrong('names * and others; * alone allows any origin')
    for (const origin of origins) {
      if (origin === '*') continue
      const url = urlOf(origin)
      const isWeb = url !== null && (url.protocol === 'https:' || url.protocol === 'http:')
      if (!isWeb) return wrong(`${quoted(origin)} is not an origin like https://example.com`)
      if (url.hostname.includes('*'))
        return wrong(`${quoted(origin)} has a wildcard in it; name each origin, or * for any`)
      if (url.origin !== origin)
        return wrong(`${quoted(origin)} is not an origin; its origin is ${url.origin}`)
    }
    return ok(origins)
  },
  print: origins => origins.join(',')
}

/** Empty: nobody is believed. */
export const addressList: Kind<readonly string[]> = {
  name: 'addresses or networks with commas between',
  parse(text) {
    const entries = itemsOf(text)
    for (const entry of entries) {
      if (!isAddressOrNetwork(entry)) {
        return wrong(`${quoted(entry)} is neither an address nor a network like 10.0.0.0/8`)
      }
    }
    return ok(entries)
  },
  print: entries => entries.join(',')
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
