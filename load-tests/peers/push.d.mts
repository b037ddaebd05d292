export declare function slotOf(index: number): string
