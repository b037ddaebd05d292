import { css } from 'lit'

/** The days, the times and their states. */
export const gridStyles = css`
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
  .dot.no {
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
`
