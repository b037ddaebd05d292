import { css } from 'lit'

/** The look of the widget. What a host may change are the custom properties at the top and the parts. */
export const styles = css`
  :host {
    --accent: var(--slot-picker-accent, var(--sl-accent));
    --on-accent: var(--slot-picker-on-accent, var(--sl-on-accent));
    --accent-soft: color-mix(in oklab, var(--accent) 9%, var(--surface));
    --accent-line: color-mix(in oklab, var(--accent) 38%, var(--surface));
    --surface: var(--slot-picker-surface, var(--sl-surface));
    --raised: var(--slot-picker-raised, var(--sl-raised));
    --text: var(--slot-picker-text, var(--sl-text));
    --muted: var(--slot-picker-muted, var(--sl-muted));
    --line: var(--slot-picker-line, var(--sl-line));
    --radius: var(--slot-picker-radius, 16px);
    --radius-small: calc(var(--radius) * 0.5625);
    --cell-height: var(--slot-picker-cell-height, 40px);
    display: block;
    container-type: inline-size;
    max-width: var(--slot-picker-max-width, 60rem);
    color: var(--text);
    font: 400 15px / 1.45 var(--slot-picker-font, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif);
    -webkit-text-size-adjust: 100%;
  }
  :host([hidden]) {
    display: none;
  }
  * {
    box-sizing: border-box;
  }
  .base {
    position: relative;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    box-shadow: 0 1px 2px var(--sl-shadow), 0 12px 32px -16px var(--sl-shadow);
    padding: clamp(14px, 4cqi, 24px);
    display: flex;
    flex-direction: column;
    gap: 16px;
  }
  h2,
  h3,
  p {
    margin: 0;
    font-weight: inherit;
    font-size: inherit;
  }
  h2 {
    font-size: 20px;
    line-height: 1.25;
    font-weight: 650;
    letter-spacing: -0.012em;
  }
  h2:focus {
    outline: none;
  }
  .icon {
    width: 20px;
    height: 20px;
    flex: none;
    display: block;
  }
  [dir='rtl'] .turns .icon {
    transform: scaleX(-1);
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: 13px;
  }

  /* buttons */
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 0;
    padding: 0;
    cursor: pointer;
    -webkit-tap-highlight-color: transparent;
  }
  button[aria-disabled='true'] {
    cursor: default;
    opacity: 0.55;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 42px;
    padding: 0 18px;
    border-radius: var(--radius-small);
    font-weight: 600;
    white-space: nowrap;
  }
  .primary {
    background: var(--accent);
    color: var(--on-accent);
  }
  .primary:hover:enabled {
    background: color-mix(in oklab, var(--accent) 88%, var(--text));
  }
  .quiet {
    color: var(--muted);
    padding: 0 10px;
  }
  .quiet:hover:enabled,
  .square:hover:enabled {
    background: var(--raised);
    color: var(--text);
  }
  .outlined {
    border: 1px solid var(--line);
    background: var(--surface);
  }
  .square {
    width: 38px;
    height: 38px;
    display: inline-grid;
    place-items: center;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
  }

  /* head */
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 12px 20px;
  }
  .title {
    min-width: 0;
  }
  .choices {
    display: inline-flex;
    gap: 3px;
    padding: 3px;
    background: var(--raised);
    border-radius: calc(var(--radius-small) + 3px);
    margin: 0;
    border: 0;
    max-width: 100%;
  }
  .choices label {
    position: relative;
    cursor: pointer;
  }
  .choices input {
    position: absolute;
    inset: 0;
    opacity: 0;
    margin: 0;
    cursor: pointer;
  }
  .choices span {
    display: grid;
    place-items: center;
    min-height: 32px;
    padding: 0 14px;
    border-radius: var(--radius-small);
    font-size: 14px;
    font-weight: 550;
    color: var(--muted);
    white-space: nowrap;
  }
  .choices input:checked + span {
    background: var(--surface);
    color: var(--text);
    box-shadow: 0 1px 3px var(--sl-shadow);
  }
  .choices input:focus-visible + span {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  select,
  input,
  textarea {
    font: inherit;
    color: inherit;
  }
  select,
  .field input,
  .field textarea {
    width: 100%;
    background: var(--surface);
    border: 1px solid var(--sl-control);
    border-radius: var(--radius-small);
    padding: 9px 12px;
    min-height: 44px;
  }
  .pick select {
    min-height: 38px;
    padding: 4px 10px;
    width: auto;
    max-width: 100%;
  }

  /* period */
  .turns {
    display: contents;
  }
  .period {
    display: flex;
    align-items: center;
    gap: 8px;
  }
  .period h3 {
    flex: 1;
    font-weight: 600;
    font-variant-numeric: tabular-nums;
  }
  .period .button {
    min-height: 38px;
    padding: 0 12px;
    font-size: 14px;
  }

  /* foot */
  .foot {
    display: flex;
    flex-wrap: wrap;
    gap: 8px 20px;
    justify-content: space-between;
    font-size: 12.5px;
    color: var(--muted);
  }
  .foot .zone {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  .foot .icon {
    width: 16px;
    height: 16px;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 14px;
    list-style: none;
    margin: 0;
    padding: 0;
  }
  .legend li {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  .cell.swatch {
    width: 18px;
    height: 12px;
    min-height: 0;
    cursor: inherit;
    border-radius: 4px;
    display: inline-block;
  }
  .cell.swatch.watched::after {
    width: 5px;
    height: 5px;
    inset-block-start: -3px;
    inset-inline-end: -3px;
    border-width: 1px;
  }
`
