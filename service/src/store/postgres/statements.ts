/** The registry of all SQL of the service: what is not registered here cannot be checked against the dialect. */

const registered = new Map<string, string>();

/** Registers a statement under a name that is unique in the service, and returns its text. */
export function statement(name: string, text: string): string {
  if (registered.has(name)) throw new Error(`statement ${name} is registered twice`);
  registered.set(name, text);
  return text;
}

/** All statements of the modules loaded so far, by name. */
export function registeredStatements(): ReadonlyMap<string, string> {
  return registered;
}
