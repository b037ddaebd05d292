/** What a rejection is matched against. */
export const unavailable = { code: 'STORE_UNAVAILABLE' }
export const busy = { code: 'STORE_BUSY' }
export const unknown = { code: 'OUTCOME_UNKNOWN' }
export const contract = { code: 'STORE_CONTRACT' }
