import t from 'tap'
import { requireBuilt } from '../helpers/instance.js'
import { serve } from './fixture.js'

t.test('the page at / is there, with all that it loads, under its own security policy', async t => {
  requireBuilt()
  const { url } = await serve(t)
  const page = await fetch(`${url}/`)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), /^text\/html; charset=utf-8$/i)
  t.match(page.headers.get('content-security-policy'), /script-src 'self'/)
  const html = await page.text()
  t.notOk(
    /<script(?![^>]*\bsrc=)[^>]*>\s*\S|\sstyle=|\son\w+=/.test(html),
    'nothing in it that the policy forbids'
  )
  const loaded = [...html.matchAll(/<(?:script|link|img)[^>]*\b(?:src|href)="([^"]+)"/g)].map(([, at]) => at!)
  t.ok(loaded.length >= 3)
  for (const at of loaded) t.equal((await fetch(new URL(at, url))).status, 200, at)
})

t.test('a script is for pages of any origin, is compressed, and is not sent twice', async t => {
  requireBuilt()
  const { url } = await serve(t)
  for (const path of ['/slot-picker.js', '/client.js']) {
    const script = await fetch(`${url}${path}`, { headers: { 'accept-encoding': 'br, gzip' } })
    t.match(script.headers.get('content-type'), /^(text|application)\/javascript; charset=utf-8$/i)
    t.equal(script.headers.get('content-encoding'), 'br')
    t.equal(script.headers.get('access-control-allow-origin'), '*')
    t.equal(script.headers.get('cross-origin-resource-policy'), 'cross-origin')
    t.match(script.headers.get('cache-control'), /max-age=300/)
    t.ok((await script.text()).length > 10_000)
    const again = await fetch(`${url}${path}`, {
      headers: { 'accept-encoding': 'br, gzip', 'if-none-match': script.headers.get('etag')! }
    })
    t.equal(again.status, 304)
  }
})
