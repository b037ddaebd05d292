import { css } from 'lit'

/** The sign-in. */
export const doorStyles = css`
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
`
