import { SlotPicker } from './slot-picker.js'

/** The side effect: `<slot-picker>` becomes an element. A page that loads the script twice keeps the first. */

declare global {
  interface HTMLElementTagNameMap {
    'slot-picker': SlotPicker
  }
}

// In a module there is no current script; there the page's own origin is meant.
const script = globalThis.document?.currentScript
if (script && 'src' in script && script.src !== '') SlotPicker.scriptOrigin = new URL(script.src).origin

if (customElements.get('slot-picker') === undefined) customElements.define('slot-picker', SlotPicker)

export { SlotPicker }
