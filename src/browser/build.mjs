import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build, transform } from 'esbuild'
import { minify } from 'terser'

/**
 * What browsers are given, each a file of its own. The types beside them come from tsc, which checks what esbuild only
 * strips.
 */

/** esbuild leaves template literals as they are, and the elements' HTML and CSS are in those. A line break stays one. */
const smallTemplates = {
  name: 'small-templates',
  setup: ({ onLoad }) =>
    onLoad({ filter: /browser.(widget|board|shared).*\.ts$/ }, async ({ path }) => {
      let contents = (await readFile(path, 'utf8')).replace(/\n\s+/g, '\n')
      for (const [literal, text] of contents.matchAll(/css`([^`$]*)`/g)) {
        const { code } = await transform(text, {
          loader: 'css',
          minify: true,
          target: 'es2022',
          charset: 'utf8'
        })
        contents = contents.replace(literal, () => `css\`${code.trim().replaceAll('\\', '\\\\')}\``)
      }
      return { contents, loader: 'ts' }
    })
}

const shared = {
  outdir: 'dist',
  bundle: true,
  charset: 'utf8',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  plugins: [smallTemplates],
  logLevel: 'warning'
}

/**
 * For `import`: the SDK, and the widget with its registration and, as `element`, without. Lit stays a package: the page
 * may have it already, and in Node it brings what an element needs to be imported where pages are rendered.
 */
const modules = {
  'client/index': 'src/browser/client/index.ts',
  'widget/index': 'src/browser/widget/define.ts',
  'widget/element': 'src/browser/widget/slot-picker.ts'
}
await build({ ...shared, entryPoints: modules, format: 'esm', external: ['lit'] })

/** The staff's page is our own, so its script is a module. */
await build({
  ...shared,
  entryPoints: { 'board/staff-board': 'src/browser/board/define.ts' },
  format: 'esm',
  sourcemap: false
})

/** For a script tag, with `type="module"` and without. */
const scripts = {
  'widget/slot-picker': 'src/browser/widget/define.ts'
}
await build({ ...shared, entryPoints: scripts, format: 'iife' })

/** esbuild is quick; terser leaves 4 % less to download, which a page pays for on every visit. */
for (const name of [...Object.keys(modules), ...Object.keys(scripts)]) {
  const file = `dist/${name}.js`
  const { code, map } = await minify(readFileSync(file, 'utf8'), {
    module: name in modules,
    compress: { passes: 3, ecma: 2022 },
    sourceMap: { content: readFileSync(`${file}.map`, 'utf8'), url: `${name.split('/').at(-1)}.js.map` }
  })
  writeFileSync(file, code)
  writeFileSync(`${file}.map`, map)
}

cpSync('src/browser/demo', 'dist/demo', { recursive: true })
for (const file of ['index.html', 'staff.css']) cpSync(`src/browser/board/${file}`, `dist/board/${file}`)

// Once here instead of with every request.
for (const file of ['client/index.js', 'widget/slot-picker.js', 'board/staff-board.js']) {
  const text = readFileSync(`dist/${file}`)
  writeFileSync(`dist/${file}.br`, brotliCompressSync(text))
  writeFileSync(`dist/${file}.gz`, gzipSync(text, { level: 9 }))
}
