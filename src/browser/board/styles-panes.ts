import { css } from 'lit'

/** What is beside the grid and over it, and how all of it gives way on a small screen: the last of the board's styles. */
export const paneStyles = css`
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
