import { css } from 'lit'

/** What all of the board shares, and its head. */
export const styles = css`
  :host {
    display: block;
    color: var(--sl-text);
    font: 400 14px / 1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
    -webkit-text-size-adjust: 100%;
  }
  * {
    box-sizing: border-box;
  }
  h1,
  h2,
  p,
  ol,
  ul,
  dl,
  dd {
    margin: 0;
    padding: 0;
    font: inherit;
  }
  ol,
  ul {
    list-style: none;
  }
  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }
  button {
    background: none;
    border: 0;
    padding: 0;
    cursor: pointer;
  }
  button:disabled,
  button[aria-disabled='true'] {
    cursor: default;
    opacity: 0.55;
  }
  :focus-visible {
    outline: 2px solid var(--sl-accent);
    outline-offset: 2px;
  }
  .icon {
    width: 18px;
    height: 18px;
    flex: none;
    display: block;
  }
  [dir='rtl'] .turns .icon {
    transform: scaleX(-1);
  }
  .muted {
    color: var(--sl-muted);
  }
  .small {
    font-size: 13px;
  }
  .mono {
    font-variant-numeric: tabular-nums;
  }
  .gap {
    flex: 1;
  }
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 36px;
    padding: 0 14px;
    border-radius: 9px;
    font-weight: 600;
    white-space: nowrap;
  }
  .outlined,
  .square,
  .chip {
    border: 1px solid var(--sl-control);
    background: var(--sl-surface);
  }
  .outlined:hover:enabled,
  .square:hover:enabled,
  .quiet:hover:enabled,
  .chip:hover {
    background: var(--sl-raised);
  }
  .primary {
    background: var(--sl-accent);
    color: var(--sl-on-accent);
    min-height: 42px;
  }
  .quiet {
    color: var(--sl-muted);
  }
  .bad {
    color: var(--sl-bad);
    border: 1px solid var(--sl-bad);
  }
  .bad:hover:enabled {
    background: var(--sl-bad-soft);
  }
  .bad.solid {
    background: var(--sl-bad);
    color: var(--sl-surface);
  }
  .square {
    width: 36px;
    height: 36px;
    display: inline-grid;
    place-items: center;
    border-radius: 9px;
    flex: none;
  }
  .plain {
    border: 0;
    background: none;
  }
  input[type='text'],
  input[type='password'],
  input[type='date'],
  input[type='search'],
  select,
  textarea {
    border: 1px solid var(--sl-control);
    border-radius: 9px;
    background: var(--sl-surface);
    min-height: 36px;
    padding: 0 10px;
  }

  /* head and tools */
  .watching {
    display: flex;
    flex-direction: column;
    height: 100vh;
    height: 100dvh;
    background: var(--sl-raised);
  }
  header,
  .tools {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 10px 14px;
    padding: 10px 18px;
    background: var(--sl-surface);
  }
  header {
    padding-bottom: 4px;
  }
  .tools {
    border-bottom: 1px solid var(--sl-line);
  }
  .brand img {
    display: block;
  }
  header h1 {
    font-size: 17px;
    font-weight: 650;
    letter-spacing: -0.01em;
  }
  .calendar-name {
    color: var(--sl-muted);
  }
  .link {
    display: inline-flex;
    align-items: center;
    gap: 8px;
    padding: 3px 11px 3px 9px;
    border-radius: 99px;
    font-size: 13px;
    font-weight: 600;
    background: var(--sl-good-soft);
    color: var(--sl-good);
  }
  .link::before {
    content: '';
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: currentColor;
  }
  .link.degraded,
  .link.polling,
  .link.connecting {
    background: var(--sl-warn-soft);
    color: var(--sl-warn);
  }
  .link.offline,
  .link.unavailable {
    background: var(--sl-bad-soft);
    color: var(--sl-bad);
  }
  .days {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
  }
  .days h2 {
    font-weight: 600;
    margin-inline-start: 4px;
  }
  .search {
    position: relative;
    flex: 0 1 15rem;
  }
  .search .icon {
    position: absolute;
    inset-inline-start: 10px;
    top: 9px;
    color: var(--sl-muted);
  }
  .search input {
    width: 100%;
    padding-inline-start: 34px;
  }
  .search input::placeholder {
    color: var(--sl-muted);
  }
  .tally {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 16px;
    margin-inline-start: auto;
    color: var(--sl-muted);
    font-size: 13px;
  }
  .tally li {
    display: inline-flex;
    align-items: center;
    gap: 7px;
  }
  .tally b {
    color: var(--sl-text);
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    min-width: 2ch;
  }
`
