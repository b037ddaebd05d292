const day = Date.UTC(2031, 0, 15)
const minuteMs = 60_000

export const slotOf = index => `peer/${new Date(day + index * minuteMs).toISOString().slice(0, 16)}Z`

/** What slotlock sends when one slot is locked, to the byte but for the names in it. */
export const pushOf = index => ({
  type: 'slots',
  calendar: 'fan-out',
  slots: [
    {
      slot: slotOf(index),
      state: 'locked',
      ver: 1_795_839_047_707_000 + index,
      by: 'Yq3sT0aLx9w',
      expiresAt: 1_795_839_647_707,
      expiresInMs: 599_993
    }
  ]
})
