import { css } from 'lit'

/**
 * The colours of everything that people see, each once for light and once for dark. An element sets `color-scheme` on its
 * host and uses these. Every text on its ground has a contrast of 4.5 at least.
 */
export const tokens = css`
  :host {
    color-scheme: light dark;
    --sl-surface: light-dark(#ffffff, #14171d);
    --sl-raised: light-dark(#f5f6f9, #1d212a);
    --sl-text: light-dark(#14171f, #eef0f5);
    --sl-muted: light-dark(#545c6b, #a7afbd);
    --sl-line: light-dark(#dde1e9, #343b48);
    --sl-control: light-dark(#858d9c, #7b8494);
    --sl-accent: light-dark(#3452d9, #93a8ff);
    --sl-on-accent: light-dark(#ffffff, #0c1230);
    --sl-accent-soft: light-dark(#eef1ff, #20284a);
    --sl-accent-line: light-dark(#b9c5fb, #46548f);
    --sl-watch: light-dark(#b45309, #f5b04c);
    --sl-watch-soft: light-dark(#fff7e8, #2d2415);
    --sl-good: light-dark(#10693c, #67d79a);
    --sl-good-soft: light-dark(#e8f7ee, #14291e);
    --sl-warn: light-dark(#7d4a00, #f7c46c);
    --sl-warn-soft: light-dark(#fff4df, #2d2415);
    --sl-bad: light-dark(#b3261e, #ff9d94);
    --sl-bad-soft: light-dark(#fdeeec, #331b1a);
    --sl-shadow: light-dark(rgb(20 30 60 / 0.1), rgb(0 0 0 / 0.5));
  }
  :host([theme='light']) {
    color-scheme: light;
  }
  :host([theme='dark']) {
    color-scheme: dark;
  }
`

/** For readers of the screen alone. */
export const visuallyHidden = css`
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`
