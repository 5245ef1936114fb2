// Text that becomes an id or a name.

/**
 * Throws TypeError naming the field unless the value is text that can be an id: not empty, and without half surrogate pairs, which
 * would be sent as U+FFFD and make two ids one.
 */
export function checkText(field: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new TypeError(`${field}: must be text, not ${value === null ? 'null' : typeof value}`);
  if (value === '') throw new TypeError(`${field}: must not be empty`);
  checkWellFormed(field, value);
}

/** Throws TypeError naming the field when the text holds half of a surrogate pair. */
export function checkWellFormed(field: string, value: string): void {
  if (!value.isWellFormed()) throw new TypeError(`${field}: ${JSON.stringify(value)} holds half of a surrogate pair`);
}
