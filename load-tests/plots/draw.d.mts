export function draw(spec: Readonly<Record<string, unknown>>): Promise<string>
