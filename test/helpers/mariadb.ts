import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import mysql, { type Connection } from 'mysql2/promise'
import { requireProgram } from './find-program.js'
import { freePort, OwnedProcess, until } from './process.js'

/**
 * A real MariaDB of the test's own: in a temp folder, on a free loopback port, durable as in production
 * (flush at every commit), otherwise as small and quick as it gets.
 */
export class MariadbServer {
  readonly port: number
  readonly #folder: string
  readonly #program: string
  readonly #settings: readonly string[]
  #process: OwnedProcess

  private constructor(program: string, folder: string, port: number, settings: readonly string[]) {
    this.#settings = settings
    this.#program = program
    this.#folder = folder
    this.port = port
    this.#process = this.#spawn()
  }

  /** `settings` as on the command line: `['--ssl-cert=…']`; they win over those below. */
  static async start(settings: readonly string[] = []): Promise<MariadbServer> {
    const program = requireProgram('mariadbd')
    const folder = mkdtempSync(join(tmpdir(), 'slotlock-mariadb-'))
    chmodSync(folder, 0o755)
    execFileSync(
      installerBeside(program),
      [
        '--no-defaults',
        `--datadir=${join(folder, 'data')}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        '--skip-name-resolve',
        ...asRoot()
      ],
      { stdio: 'pipe', timeout: 60_000, env: ownTemporaryFiles(folder) }
    )
    const server = new MariadbServer(program, folder, await freePort(), settings)
    await server.#ready()
    return server
  }

  /** For the store and for the test's own look at the rows. */
  url(database = 'slotlock'): string {
    return `mysql://root@127.0.0.1:${this.port}/${database}`
  }

  /** An empty database with a name of its own, so that tests of one file do not meet. */
  async createDatabase(name: string): Promise<string> {
    const root = await this.connect('')
    try {
      await root.query(`CREATE DATABASE \`${name}\``)
    } finally {
      await root.end()
    }
    return this.url(name)
  }

  connect(database = 'slotlock'): Promise<Connection> {
    return mysql.createConnection({ uri: this.url(database), multipleStatements: true, connectTimeout: 2000 })
  }

  freeze(): void {
    this.#process.freeze()
  }

  thaw(): void {
    this.#process.thaw()
  }

  /** As if the machine's power went, as far as a process can tell. */
  async kill(): Promise<void> {
    await this.#process.kill('SIGKILL')
  }

  /** On the same port, with the same data. */
  async restart(): Promise<void> {
    await this.kill()
    this.#process = this.#spawn()
    await this.#ready()
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #spawn(): OwnedProcess {
    const args = [
      '--no-defaults',
      `--datadir=${join(this.#folder, 'data')}`,
      `--socket=${join(this.#folder, 'socket')}`,
      `--pid-file=${join(this.#folder, 'pid')}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--skip-log-bin',
      '--innodb-flush-log-at-trx-commit=1',
      '--innodb-buffer-pool-size=64M',
      '--innodb-log-file-size=16M',
      '--performance-schema=OFF',
      '--max-connections=200',
      ...asRoot(),
      ...this.#settings
    ]
    return new OwnedProcess(this.#program, args, ownTemporaryFiles(this.#folder))
  }

  async #ready(): Promise<void> {
    try {
      await until(
        'mariadbd answers',
        async () => {
          if (!this.#process.running) throw new Error('mariadbd ended')
          try {
            const root = await this.connect('')
            await root.query('CREATE DATABASE IF NOT EXISTS slotlock')
            await root.end()
            return true
          } catch {
            return false
          }
        },
        30_000
      )
    } catch (error) {
      const { output } = this.#process
      await this.stop()
      throw new Error(`mariadbd did not start:\n${output}`, { cause: error })
    }
  }
}

/**
 * A mariadbd that starts deletes every `#sql…` file in its folder of temporary files. In a shared one these are the
 * temporary tables of its neighbours, and a test that starts beside another fails once in a while.
 */
const ownTemporaryFiles = (folder: string): NodeJS.ProcessEnv => ({ ...process.env, TMPDIR: folder })

/** mariadbd refuses to run as root unless told to. */
const asRoot = (): string[] => (process.getuid?.() === 0 ? ['--user=root'] : [])

function installerBeside(program: string): string {
  const folders = [dirname(program), join(dirname(program), '..', 'bin'), '/usr/bin', '/usr/local/bin']
  for (const name of ['mariadb-install-db', 'mysql_install_db']) {
    for (const folder of folders) {
      if (existsSync(join(folder, name))) return join(folder, name)
    }
  }
  throw new Error(`mariadb-install-db is not beside ${program}`)
}
