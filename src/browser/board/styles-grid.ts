import { css } from 'lit'

/**
 * The grid. Every cell has the same size, known before anything is in it, so that a change is painted and nothing is laid
 * out anew. A state is told by its mark and its pattern as well as by its colour.
 */
export const gridStyles = css`
  .scroller {
    --row: 44px;
    --cell: 86px;
    --name: 11rem;
    --cell-size: 13px;
    height: 100%;
    overflow: auto;
    overscroll-behavior: contain;
    background: var(--sl-surface);
    border: 1px solid var(--sl-line);
    border-radius: 14px;
  }
  .scroller.close {
    --row: 27px;
    --cell: 78px;
    --name: 9rem;
    --cell-size: 11.5px;
  }
  .grid {
    width: max-content;
    min-width: 100%;
  }
  .heads,
  .row {
    display: flex;
    height: var(--row);
  }
  .row {
    border-bottom: 1px solid color-mix(in oklab, var(--sl-line) 55%, var(--sl-surface));
  }
  .heads {
    position: sticky;
    top: 0;
    z-index: 3;
    height: 36px;
    background: var(--sl-surface);
    border-bottom: 1px solid var(--sl-line);
  }
  .head,
  .corner {
    flex: 1 0 var(--cell);
    display: flex;
    align-items: center;
    justify-content: center;
    font-size: 12.5px;
    color: var(--sl-muted);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .head {
    margin-inline: 2px;
  }
  .close .head {
    margin-inline: 1px;
  }
  .head.now {
    color: var(--sl-accent);
    font-weight: 650;
    box-shadow: inset 0 -2px var(--sl-accent);
  }
  .corner,
  .name {
    flex: 0 0 var(--name);
    position: sticky;
    inset-inline-start: 0;
    z-index: 2;
    justify-content: flex-start;
    padding-inline: 14px 8px;
    background: var(--sl-surface);
    border-inline-end: 1px solid var(--sl-line);
  }
  .name {
    line-height: calc(var(--row) - 1px);
    font-weight: 550;
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .close .name {
    font-size: 12.5px;
  }
  .cell {
    flex: 1 0 var(--cell);
    position: relative;
    contain: strict;
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    margin: 2px;
    border-radius: 6px;
    font-size: var(--cell-size);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
    color: var(--sl-muted);
    background: var(--cell-ground, var(--sl-surface));
    border: 1px solid var(--cell-line, transparent);
    cursor: cell;
    scroll-margin: 40px calc(var(--name) + 6px);
  }
  .close .cell {
    margin: 1px;
    border-radius: 4px;
    gap: 4px;
  }
  .cell .icon {
    width: 15px;
    height: 15px;
  }
  .close .cell .icon {
    width: 13px;
    height: 13px;
  }
  .cell.free,
  i {
    --cell-line: color-mix(in oklab, var(--sl-line) 80%, var(--sl-surface));
  }
  .cell.free:hover {
    --cell-ground: var(--sl-raised);
  }
  .cell.none {
    --cell-ground: repeating-linear-gradient(
      -45deg,
      transparent 0 5px,
      color-mix(in oklab, var(--sl-line) 45%, transparent) 5px 6px
    );
    cursor: default;
  }
  .cell.locked,
  .locked i {
    --cell-ground: var(--sl-accent-soft);
    --cell-line: var(--sl-accent-line);
    color: var(--sl-accent);
  }
  .cell.ending {
    --cell-ground: var(--sl-warn-soft);
    --cell-line: var(--sl-warn);
    color: var(--sl-warn);
  }
  .cell[data-tag]::before {
    content: attr(data-tag);
    font-weight: 600;
  }
  .cell[data-left]::after {
    content: attr(data-left);
  }
  .cell.booked,
  .booked i {
    --cell-ground: var(--sl-good-soft);
    --cell-line: color-mix(in oklab, var(--sl-good) 30%, var(--sl-surface));
    color: var(--sl-good);
  }
  .cell.blocked,
  .blocked i {
    --cell-ground: repeating-linear-gradient(
      -45deg,
      var(--sl-raised) 0 4px,
      color-mix(in oklab, var(--sl-line) 90%, transparent) 4px 8px
    );
    --cell-line: var(--sl-line);
  }
  .cell.past.free {
    opacity: 0.55;
  }
  .looks {
    position: absolute;
    inset-block-start: 3px;
    inset-inline-end: 3px;
    min-width: 9px;
    height: 9px;
    border-radius: 9px;
    background: var(--sl-watch);
    box-shadow: 0 0 0 2px var(--sl-surface);
    color: var(--sl-surface);
    font-size: 9px;
    line-height: 9px;
    text-align: center;
    padding-inline: 2px;
  }
  .cell[aria-selected='true'] {
    outline: 2px solid var(--sl-accent);
    outline-offset: -2px;
    --cell-ground: color-mix(in oklab, var(--sl-accent) 22%, var(--sl-surface));
    color: var(--sl-text);
  }
  .cell:focus-visible {
    outline: 2px solid var(--sl-text);
    outline-offset: -1px;
    box-shadow: inset 0 0 0 2px var(--sl-surface);
  }
  i {
    width: 13px;
    height: 13px;
    border-radius: 4px;
    background: var(--cell-ground, transparent);
    border: 1px solid var(--cell-line);
  }
  .tally .free i {
    --cell-line: var(--sl-control);
  }
  .looking i {
    width: 9px;
    height: 9px;
    border: 0;
    border-radius: 50%;
    background: var(--sl-watch);
  }
  @media (max-width: 900px) {
    .scroller {
      --name: 6.5rem;
      --cell: 74px;
      --row: 46px;
    }
    .scroller.close {
      --name: 6.5rem;
      --row: 34px;
    }
  }
  @media (forced-colors: active) {
    .cell[aria-selected='true'] {
      outline-color: Highlight;
    }
  }
`
