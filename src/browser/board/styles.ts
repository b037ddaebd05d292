import { css } from 'lit'

/** The look of the board, but for its grid. */
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
  button:disabled {
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

  /* the door */
  .door {
    min-height: 100vh;
    min-height: 100dvh;
    display: grid;
    place-items: center;
    padding: 16px;
    background: var(--sl-raised);
  }
  .card {
    width: min(26rem, 100%);
    display: grid;
    gap: 12px;
    padding: 28px;
    background: var(--sl-surface);
    border: 1px solid var(--sl-line);
    border-radius: 16px;
    box-shadow: 0 1px 2px var(--sl-shadow), 0 16px 40px -20px var(--sl-shadow);
  }
  .card h1 {
    font-size: 22px;
    font-weight: 650;
    letter-spacing: -0.012em;
  }
  .card h1 + p {
    margin-top: -8px;
    margin-bottom: 8px;
  }
  .card label:not(.check) {
    font-weight: 600;
    margin-bottom: -6px;
  }
  .card input[type='password'] {
    min-height: 42px;
    width: 100%;
  }
  .card input[aria-invalid='true'] {
    border-color: var(--sl-bad);
  }
  .problem {
    color: var(--sl-bad);
  }
  .problem:empty {
    display: none;
  }
  .check {
    display: flex;
    gap: 10px;
    align-items: center;
    min-height: 28px;
  }
  .check input {
    width: 18px;
    height: 18px;
    margin: 0;
    accent-color: var(--sl-accent);
  }
  .help {
    border-top: 1px solid var(--sl-line);
    padding-top: 12px;
    margin-top: 4px;
  }
  code {
    display: block;
    margin-top: 6px;
    padding: 8px 10px;
    border-radius: 8px;
    background: var(--sl-raised);
    color: var(--sl-text);
    font: 12.5px / 1.4 ui-monospace, 'SF Mono', Menlo, Consolas, monospace;
    overflow-wrap: anywhere;
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

  /* below */
  .below {
    flex: 1;
    min-height: 0;
    display: grid;
    grid-template-columns: minmax(0, 1fr) 21rem;
  }
  .below main {
    min-height: 0;
    min-width: 0;
    padding-block: 14px;
    padding-inline: 18px 0;
  }
  aside {
    min-height: 0;
    display: flex;
    flex-direction: column;
    gap: 14px;
    padding: 14px 18px;
  }
  .empty {
    height: 100%;
    display: grid;
    place-items: center;
    color: var(--sl-muted);
    border: 1px dashed var(--sl-line);
    border-radius: 14px;
  }
  .chosen,
  .feed {
    background: var(--sl-surface);
    border: 1px solid var(--sl-line);
    border-radius: 14px;
  }
  .chosen {
    padding: 14px 16px;
    display: grid;
    gap: 12px;
  }
  .chosen-head {
    display: flex;
    align-items: center;
    gap: 10px;
  }
  .chosen h2,
  .feed h2 {
    font-weight: 650;
    font-size: 15px;
  }
  .chosen .square {
    margin-inline-start: auto;
    width: 30px;
    height: 30px;
    border: 0;
  }
  .state {
    font-size: 12px;
    font-weight: 600;
    padding: 1px 9px;
    border-radius: 99px;
    background: var(--sl-raised);
    color: var(--sl-muted);
  }
  .state.locked {
    background: var(--sl-accent-soft);
    color: var(--sl-accent);
  }
  dl {
    display: grid;
    gap: 5px;
  }
  dl div {
    display: flex;
    gap: 10px;
  }
  dt {
    width: 6.2rem;
    color: var(--sl-muted);
  }
  dd {
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .actions:empty {
    display: none;
  }
  .end {
    justify-content: flex-end;
  }
  .feed {
    flex: 1;
    min-height: 0;
    display: flex;
    flex-direction: column;
  }
  .feed h2 {
    padding: 14px 16px 8px;
  }
  .feed > p {
    padding: 0 16px 16px;
  }
  .feed ol {
    overflow: auto;
    min-height: 0;
    overscroll-behavior: contain;
    padding-bottom: 8px;
    border-radius: 0 0 14px 14px;
  }
  .feed li {
    display: flex;
    gap: 10px;
    padding: 7px 16px;
    content-visibility: auto;
    contain-intrinsic-size: auto 36px;
  }
  .feed li > div {
    flex: 1;
    min-width: 0;
  }
  .feed .reason {
    color: var(--sl-muted);
  }
  .mark {
    color: var(--sl-muted);
    padding-top: 1px;
  }
  .locked > .mark,
  .extended > .mark {
    color: var(--sl-accent);
  }
  .booked > .mark {
    color: var(--sl-good);
  }
  .revoked > .mark,
  .cancelled > .mark {
    color: var(--sl-bad);
  }
  .expired > .mark {
    color: var(--sl-warn);
  }
  time {
    color: var(--sl-muted);
    font-size: 12.5px;
    white-space: nowrap;
    font-variant-numeric: tabular-nums;
    padding-top: 1px;
  }
  .more {
    justify-content: center;
  }

  /* messages and the dialog */
  .notices {
    position: fixed;
    z-index: 5;
    inset-block-end: 20px;
    inset-inline: 16px;
    display: grid;
    justify-content: center;
    pointer-events: none;
  }
  .notice {
    pointer-events: auto;
    display: flex;
    align-items: center;
    gap: 10px;
    max-width: 36rem;
    padding: 6px 6px 6px 16px;
    padding-inline: 16px 6px;
    border-radius: 12px;
    border: 1px solid currentColor;
    box-shadow: 0 10px 30px -10px var(--sl-shadow);
    background: var(--sl-good-soft);
    color: var(--sl-good);
  }
  .notice.warn {
    background: var(--sl-warn-soft);
    color: var(--sl-warn);
  }
  dialog {
    width: min(29rem, calc(100vw - 24px));
    padding: 24px;
    border: 1px solid var(--sl-line);
    border-radius: 16px;
    background: var(--sl-surface);
    color: var(--sl-text);
    box-shadow: 0 24px 60px -20px rgb(0 0 0 / 0.45);
  }
  dialog::backdrop {
    background: rgb(10 14 24 / 0.45);
  }
  dialog form {
    display: grid;
    gap: 10px;
  }
  dialog h2 {
    font-size: 19px;
    font-weight: 650;
    letter-spacing: -0.012em;
  }
  dialog label {
    font-weight: 600;
    margin-top: 4px;
  }
  dialog textarea {
    padding: 8px 10px;
    resize: vertical;
  }
  dialog .small {
    margin-top: -6px;
  }
  dialog .end {
    margin-top: 10px;
  }
  .suggestions {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
  }
  .chip {
    border-color: var(--sl-line);
    border-radius: 99px;
    padding: 3px 12px;
    min-height: 30px;
    font-size: 13px;
  }

  @media (max-width: 900px) {
    .watching {
      height: auto;
      min-height: 100dvh;
    }
    header,
    .tools,
    aside {
      padding-inline: 12px;
    }
    header .button span,
    .days h2 {
      display: none;
    }
    .search {
      flex: 1 1 10rem;
    }
    .tally {
      margin-inline-start: 0;
      gap: 4px 12px;
    }
    .below {
      display: block;
    }
    .below main {
      height: 65dvh;
      padding: 12px 12px 0;
    }
    .feed {
      max-height: 80dvh;
    }
    .chosen {
      position: sticky;
      bottom: 8px;
      z-index: 3;
      box-shadow: 0 10px 30px -10px var(--sl-shadow);
    }
  }
`
