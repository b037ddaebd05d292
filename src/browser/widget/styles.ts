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
    container-type: inline-size;
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
  button:disabled {
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

  /* grid */
  .scroller {
    max-height: var(--slot-picker-grid-height, 27rem);
    overflow: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    /* room for the focus ring */
    margin: -5px;
    padding: 5px;
  }
  .row {
    display: grid;
    grid-template-columns: repeat(var(--columns), minmax(0, 1fr));
    gap: 6px;
    padding-bottom: 6px;
  }
  .rows .row {
    contain: layout style;
  }
  .days {
    position: sticky;
    top: -5px;
    z-index: 2;
    background: var(--surface);
    margin-top: -5px;
    padding-top: 5px;
  }
  .day {
    text-align: center;
    padding: 2px 0 6px;
    border-radius: var(--radius-small);
    min-width: 0;
    line-height: 1.3;
  }
  .day .weekday,
  .day .count {
    display: block;
    font-size: 12px;
    color: var(--muted);
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .day .number {
    display: inline-grid;
    place-items: center;
    width: 30px;
    height: 30px;
    font-size: 17px;
    font-weight: 600;
    border-radius: 50%;
  }
  .day.today .number {
    background: var(--accent-soft);
    color: var(--accent);
  }
  .strip {
    display: grid;
    grid-template-columns: repeat(var(--columns), minmax(0, 1fr));
    gap: 4px;
  }
  .strip .day {
    padding: 6px 0;
    min-height: 64px;
  }
  .strip .day[aria-pressed='true'] {
    background: var(--accent);
    color: var(--on-accent);
  }
  .strip .day[aria-pressed='true'] * {
    color: inherit;
    background: none;
  }
  .dot {
    display: block;
    width: 5px;
    height: 5px;
    margin: 2px auto 0;
    border-radius: 50%;
    background: currentColor;
    color: var(--accent);
  }
  .dot.none {
    background: transparent;
  }
  .cell {
    position: relative;
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    min-width: 0;
    min-height: var(--cell-height);
    border-radius: var(--radius-small);
    border: 1px solid transparent;
    font-size: 14px;
    line-height: 1.2;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
    cursor: default;
    user-select: none;
    -webkit-user-select: none;
    -webkit-tap-highlight-color: transparent;
  }
  .cell small {
    font-size: 11px;
    font-weight: 500;
  }
  .cell:focus-visible {
    outline-offset: 1px;
  }
  .free {
    cursor: pointer;
    color: var(--accent);
    background: var(--surface);
    border-color: var(--accent-line);
    font-weight: 600;
  }
  .free:hover {
    background: var(--accent-soft);
    border-color: var(--accent);
  }
  .watched {
    color: var(--sl-watch);
    border: 1px dashed var(--sl-watch);
    background: var(--sl-watch-soft);
  }
  .watched::after {
    content: '';
    position: absolute;
    inset-block-start: -4px;
    inset-inline-end: -4px;
    width: 9px;
    height: 9px;
    border-radius: 50%;
    border: 2px solid var(--surface);
    background: var(--sl-watch);
    box-sizing: content-box;
  }
  .mine {
    cursor: pointer;
    background: var(--accent);
    border-color: var(--accent);
    color: var(--on-accent);
    font-weight: 650;
  }
  .asked {
    background: var(--accent-soft);
    border-color: var(--accent);
    color: var(--accent);
    font-weight: 600;
  }
  .locked {
    cursor: pointer;
    color: var(--muted);
    border-color: var(--line);
    background: repeating-linear-gradient(
      -45deg,
      var(--raised) 0 5px,
      color-mix(in oklab, var(--raised), var(--line) 45%) 5px 10px
    );
  }
  .booked,
  .blocked {
    color: var(--muted);
    background: var(--raised);
    text-decoration: line-through;
    text-decoration-color: color-mix(in oklab, var(--muted), transparent 45%);
  }
  .past {
    color: color-mix(in oklab, var(--muted), transparent 20%);
  }
  .none {
    visibility: hidden;
  }
  .empty {
    padding: 28px 8px;
    text-align: center;
    color: var(--muted);
    display: grid;
    gap: 12px;
    justify-items: center;
  }
  .bone {
    min-height: var(--cell-height);
    border-radius: var(--radius-small);
    background: var(--raised);
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
  .swatch {
    width: 16px;
    height: 12px;
    min-height: 0;
    border-radius: 4px;
    display: inline-block;
  }
  .swatch.watched::after {
    width: 5px;
    height: 5px;
    inset-block-start: -3px;
    inset-inline-end: -3px;
    border-width: 1px;
  }
`

