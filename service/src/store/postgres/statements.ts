/** The registry of all SQL of the service: what is not registered here cannot be checked against the dialect. */

export interface Statement {
  /** Unique in the service; also its name when prepared. */
  readonly name: string;
  readonly text: string;
}

const registered = new Map<string, Statement>();

/** Registers a statement with a fixed text. */
export function statement(name: string, text: string): Statement {
  if (registered.has(name)) throw new Error(`statement ${name} is registered twice`);
  const made = { name, text };
  registered.set(name, made);
  return made;
}

/** All statements of the modules loaded so far. */
export function registeredStatements(): Statement[] {
  return [...registered.values()];
}
