import type { TokenStorage } from './types.js'

/**
 * The session's token, in memory and in a storage that other tabs share. What is stored comes first, so that tabs end
 * up in one session. A storage that throws (private windows, a full disk, a blocked iframe) is one that is not there.
 */
export class SessionToken {
  readonly #storage: TokenStorage | undefined
  readonly #key: string
  #token: string | undefined

  constructor(storage: TokenStorage | undefined, url: string, token: string | undefined) {
    this.#storage = storage
    this.#key = `slotlock:${url}`
    this.#token = token
    // Given by hand it wins over what an earlier page left behind.
    if (token !== undefined) this.#try(it => it.setItem(this.#key, token))
  }

  read(): string | undefined {
    return this.#try(it => it.getItem(this.#key)) || this.#token
  }

  keep(token: string): void {
    this.#token = token
    this.#try(it => it.setItem(this.#key, token))
  }

  /** It was refused. Another tab may have stored a better one meanwhile: that stays. */
  drop(token: string): void {
    if (this.#token === token) this.#token = undefined
    this.#try(it => {
      if (it.getItem(this.#key) === token) it.removeItem(this.#key)
    })
  }

  #try<T>(act: (storage: TokenStorage) => T): T | undefined {
    try {
      return this.#storage && act(this.#storage)
    } catch {
      return undefined
    }
  }
}

/** Even reading the name throws where a page may not have any. */
export function localStorageIfThere(): TokenStorage | undefined {
  try {
    return (globalThis as { localStorage?: TokenStorage }).localStorage ?? undefined
  } catch {
    return undefined
  }
}
