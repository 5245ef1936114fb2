// Exports a name that another file exports too.

export async function first(): Promise<void> {}
