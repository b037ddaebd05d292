import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * TypeBox comes as some 680 files, and to find, read and link them took as long as all the rest of a start. What is used of them
 * becomes a few files beside those of this folder, which import it instead. For who compiles against them nothing changes: the
 * declarations go on naming the package.
 */

const folder = 'dist/protocol'
const importsTypebox = /from 'typebox/

const others = {
  name: 'others-stay-files',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ path, importer, kind }) =>
      kind === 'entry-point' || importer.includes('node_modules') ? undefined : { path, external: true }
    )
}

await build({
  entryPoints: readdirSync(folder)
    .filter(name => name.endsWith('.js'))
    .map(name => join(folder, name))
    .filter(file => importsTypebox.test(readFileSync(file, 'utf8'))),
  outdir: folder,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  charset: 'utf8',
  chunkNames: 'typebox-[hash]',
  sourcemap: true,
  sourcesContent: false,
  plugins: [others],
  logLevel: 'warning'
})
