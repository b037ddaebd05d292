export function slotOf(index: number): string
export function pushOf(index: number): object
