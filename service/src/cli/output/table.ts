/** Text tables for people: aligned columns, no frames, so that they can be cut and searched. */

export interface TableOptions {
  /** Columns of the terminal; the last column is cut to fit. Undefined: nothing is cut. */
  readonly width?: number | undefined;
  /** Makes the header line stand out. */
  readonly bold?: (text: string) => string;
}

const GAP = '  ';

/** Lines of a table. Cells must not hold line breaks; they are shown as spaces. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const cells = [header, ...rows].map((row) => header.map((_, column) => oneLine(row[column] ?? '')));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column] ?? ''))));
  const lines = cells.map((row) =>
    fit(
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell))))
        .join(GAP),
      options.width,
    ),
  );
  return [options.bold === undefined ? lines[0] : options.bold(lines[0] ?? ''), ...lines.slice(1)].map((line) => `${line}\n`).join('');
}

/** Names and values below each other; undefined values are left out. */
export function formatFields(fields: readonly (readonly [name: string, value: string | undefined])[]): string {
  const shown = fields.filter((field): field is readonly [string, string] => field[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}\n`).join('');
}

/** Characters as a terminal shows them: wide ones (CJK, emoji) take two cells, combining ones none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
      character,
    )
      ? 2
      : 1;
  }
  return width;
}

function fit(line: string, width: number | undefined): string {
  const text = line.trimEnd();
  if (width === undefined || displayWidth(text) <= width) return text;
  let out = '';
  let used = 0;
  for (const character of text) {
    used += displayWidth(character);
    if (used > width - 1) break;
    out += character;
  }
  return `${out}…`;
}

/** Also keeps control characters of user data from reaching the terminal. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
