/** What the person at the keyboard did wrong: said plainly, with exit code 2 and no stack. */
export class UsageError extends Error {}
