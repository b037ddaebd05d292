import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { requireBuilt } from '../../helpers/instance.js'

const gzippedBytesMax = 40_000

t.test('the widget is one script of 40 kB at most', async t => {
  requireBuilt()
  const bytes = gzipSync(readFileSync('dist/widget/slot-picker.js'), { level: 9 }).length
  t.ok(bytes <= gzippedBytesMax, `${bytes} bytes gzipped`)
})
