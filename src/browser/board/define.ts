import { StaffBoard } from './staff-board.js'

declare global {
  interface HTMLElementTagNameMap {
    'staff-board': StaffBoard
  }
}

if (customElements.get('staff-board') === undefined) customElements.define('staff-board', StaffBoard)
