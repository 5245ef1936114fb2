/** A line that is served oldest first. Almost everything arrives in order, so joining and leaving cost no search. */

/** What stands in a line: `age` first, then `order` of arrival. */
export interface Standing {
  readonly age: number;
  readonly order: number;
}

/** Entries before `head` have left; they are cut off in bulk. */
export interface Line<T extends Standing> {
  items: T[];
  head: number;
}

/** An empty line. */
export function createLine<T extends Standing>(): Line<T> {
  return { items: [], head: 0 };
}

/** How many stand in the line. */
export function lineLength(line: Line<Standing>): number {
  return line.items.length - line.head;
}

/** The oldest, who stays. */
export function first<T extends Standing>(line: Line<T>): T | undefined {
  return line.items[line.head];
}

/** The oldest, who leaves. */
export function takeFirst<T extends Standing>(line: Line<T>): T | undefined {
  const item = line.items[line.head];
  if (item === undefined) return undefined;
  line.head++;
  if (line.head === line.items.length) {
    line.items = [];
    line.head = 0;
  } else if (line.head >= 64 && line.head * 2 >= line.items.length) {
    line.items.splice(0, line.head);
    line.head = 0;
  }
  return item;
}

/** Takes the place that age and order give. */
export function join<T extends Standing>(line: Line<T>, item: T): void {
  const { items } = line;
  const last = items[items.length - 1];
  if (last === undefined || line.head === items.length || isBefore(last, item)) {
    items.push(item);
    return;
  }
  let low = line.head;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = items[middle];
    if (other !== undefined && isBefore(other, item)) low = middle + 1;
    else high = middle;
  }
  items.splice(low, 0, item);
}

/** Keeps only those that pass. */
export function keepOnly<T extends Standing>(line: Line<T>, pass: (item: T) => boolean): void {
  line.items = line.items.slice(line.head).filter(pass);
  line.head = 0;
}

/** True when `a` is served before `b`. */
export function isBefore(a: Standing, b: Standing): boolean {
  return a.age < b.age || (a.age === b.age && a.order < b.order);
}
