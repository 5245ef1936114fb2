// A module that fails while it is evaluated.

const table: Record<string, () => string> = {};

export const value: string = (table.missing as () => string)();

export async function never(): Promise<string> {
  return value;
}
