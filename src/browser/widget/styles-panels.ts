import { css } from 'lit'

/** Notices, the hold, the form and the confirmation. */
export const panels = css`
  .strip-status,
  .notice {
    display: flex;
    align-items: flex-start;
    gap: 10px;
    padding: 11px 14px;
    border-radius: var(--radius-small);
    font-size: 14px;
  }
  .strip-status {
    background: var(--sl-warn-soft);
    color: var(--sl-warn);
  }
  .strip-status.bad {
    background: var(--sl-bad-soft);
    color: var(--sl-bad);
  }
  .strip-status.calm {
    background: var(--raised);
    color: var(--muted);
  }
  .notice {
    background: var(--raised);
    align-items: center;
    flex-wrap: wrap;
  }
  .notice p {
    flex: 1 1 12rem;
  }
  .notice .button {
    min-height: 34px;
    padding: 0 14px;
    font-size: 14px;
    background: var(--surface);
    color: var(--text);
    border: 1px solid var(--line);
  }
  .notice .square {
    width: 32px;
    height: 32px;
    border: 0;
    margin-inline-end: -6px;
    color: inherit;
  }
  .notice .square .icon {
    width: 16px;
    height: 16px;
  }
  .notice.good {
    background: var(--sl-good-soft);
    color: var(--sl-good);
  }
  .notice.warn {
    background: var(--sl-warn-soft);
    color: var(--sl-warn);
  }

  .hold {
    position: sticky;
    bottom: 8px;
    z-index: 3;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 12px 16px;
    padding: 12px 14px;
    border: 1px solid var(--accent-line);
    border-radius: calc(var(--radius-small) + 3px);
    background: color-mix(in oklab, var(--accent) 7%, var(--surface));
    box-shadow: 0 8px 24px -12px var(--sl-shadow);
  }
  .hold .what {
    flex: 1 1 9rem;
    min-width: 0;
  }
  .hold .what strong {
    font-weight: 650;
    display: block;
  }
  .hold .do {
    display: flex;
    gap: 4px;
    margin-inline-start: auto;
  }
  .clock {
    display: inline-flex;
    align-items: center;
    gap: 8px;
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    color: var(--accent);
  }
  .clock.late {
    color: var(--sl-warn);
  }
  .ring {
    width: 34px;
    height: 34px;
    fill: none;
    stroke-width: 4;
  }
  .ring-ground {
    stroke: color-mix(in oklab, currentColor 18%, transparent);
  }
  .ring-left {
    stroke: currentColor;
    stroke-linecap: round;
    transition: stroke-dashoffset 1s linear;
  }

  .summary {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto;
    align-items: center;
    gap: 4px 12px;
    padding: 14px;
    background: var(--raised);
    border-radius: calc(var(--radius-small) + 3px);
  }
  .summary .facts {
    display: grid;
    gap: 4px;
  }
  .summary .fact {
    display: flex;
    gap: 8px;
    align-items: flex-start;
  }
  .fact .icon {
    margin-top: 1px;
    color: var(--muted);
  }
  .fact strong {
    font-weight: 600;
  }
  form {
    display: grid;
    gap: 14px;
  }
  .fields {
    display: grid;
    gap: 14px;
  }
  @container (min-width: 520px) {
    .fields {
      grid-template-columns: 1fr 1fr;
    }
    .field.name,
    .field.note {
      grid-column: 1 / -1;
    }
  }
  .field label {
    display: flex;
    justify-content: space-between;
    gap: 8px;
    font-size: 14px;
    font-weight: 550;
    margin-bottom: 5px;
  }
  .field label span {
    font-weight: 400;
    color: var(--muted);
  }
  .field textarea {
    min-height: 84px;
    resize: vertical;
    display: block;
  }
  .field input:focus-visible,
  .field textarea:focus-visible,
  select:focus-visible {
    outline-offset: 0;
    border-color: var(--accent);
  }
  .field [aria-invalid='true'] {
    border-color: var(--sl-bad);
  }
  .problem {
    color: var(--sl-bad);
    font-size: 13px;
    margin-top: 5px;
  }
  .actions {
    display: flex;
    justify-content: space-between;
    gap: 10px;
    flex-wrap: wrap;
  }
  .actions .primary {
    min-width: 9rem;
    flex: 0 1 auto;
  }
  @container (max-width: 620px) {
    .hold .hint {
      display: none;
    }
  }
  @container (max-width: 420px) {
    .actions {
      flex-direction: column-reverse;
    }
    .actions .button {
      width: 100%;
    }
    .hold .do {
      width: 100%;
    }
    .hold .do .primary {
      flex: 1;
    }
  }

  .done {
    display: grid;
    justify-items: center;
    gap: 16px;
    padding: 20px 0 8px;
    text-align: center;
  }
  .seal {
    display: grid;
    place-items: center;
    width: 60px;
    height: 60px;
    border-radius: 50%;
    background: var(--sl-good-soft);
    color: var(--sl-good);
  }
  .seal .icon {
    width: 30px;
    height: 30px;
  }
  .done dl {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 8px 18px;
    margin: 0;
    padding: 16px 18px;
    background: var(--raised);
    border-radius: calc(var(--radius-small) + 3px);
    text-align: start;
    width: min(100%, 26rem);
  }
  .done dt {
    color: var(--muted);
  }
  .done dd {
    margin: 0;
    font-weight: 550;
    overflow-wrap: anywhere;
  }

  @keyframes look {
    50% {
      opacity: 0.35;
    }
  }
  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(6px);
    }
  }
  @media (prefers-reduced-motion: no-preference) {
    .cell {
      transition: background-color 0.15s, border-color 0.15s;
    }
    .bone,
    .asked {
      animation: look 1.2s ease-in-out infinite;
    }
    .hold,
    .notice,
    .done {
      animation: rise 0.2s ease-out;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .ring-left {
      transition: none;
    }
  }
  @media (pointer: coarse) {
    :host {
      --cell-height: var(--slot-picker-cell-height, 46px);
    }
  }
  @media (forced-colors: active) {
    .mine {
      outline: 2px solid Highlight;
    }
    .locked,
    .booked {
      border-style: dotted;
    }
  }
`
