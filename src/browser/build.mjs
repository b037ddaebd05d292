import { build } from 'esbuild'

/**
 * What browsers are given, each a file of its own. The types beside them come from tsc, which checks what esbuild only
 * strips.
 */
await build({
  entryPoints: { 'client/index': 'src/browser/client/index.ts' },
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  logLevel: 'warning'
})
