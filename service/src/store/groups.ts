/** The order of counted groups: both stores give the same, whatever their order of texts. */
import type { VisibilityGroup } from './store.ts';

/** The largest first, then by value, texts byte by byte; runs without a value last among equals. */
export function sortGroups(groups: VisibilityGroup[]): VisibilityGroup[] {
  return groups.sort((a, b) => b.count - a.count || order(a.value, b.value));
}

function order(a: VisibilityGroup['value'], b: VisibilityGroup['value']): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
