// Reads encoded histories inside the sandbox: the whole of one, or of what a cached run has not seen only what it looks at.

import { History, HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { EVENT_RULES } from '../workflow/concepts.ts';
import type { EventAttributes } from '../workflow/run.ts';
import { BinaryReader } from './realm/wire.ts';

/** Tag of `events` in History, of `id` and `time` in HistoryEvent. */
const EVENTS = 10;
const ID = 8;
const TIME = 18;

export function readHistory(bytes: Uint8Array): HistoryEvent[] {
  return History.decode(bytes).events;
}

/** Tags of the events that a run which was there when they were written never looks at: its own commands and tasks. */
const OWN_TAGS: ReadonlySet<number> = new Set(
  Object.entries(EVENT_RULES)
    .filter(([, { role }]) => role === 'task' || role === 'command')
    .map(([$case]) => tagOf($case as EventAttributes['$case'])),
);

function tagOf($case: EventAttributes['$case']): number {
  const event = HistoryEvent.fromPartial({ attributes: { $case, value: {} } as EventAttributes });
  return new BinaryReader(HistoryEvent.encode(event).finish()).uint32();
}

/** Events after `seen`, without those the run has written itself. */
export function readNews(bytes: Uint8Array, seen: bigint): HistoryEvent[] {
  const reader = new BinaryReader(bytes);
  const events: HistoryEvent[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag !== EVENTS) {
      reader.skip(tag & 7);
      continue;
    }
    const length = reader.uint32();
    const start = reader.pos;
    if (isOld(reader, start + length, seen)) reader.pos = start + length;
    else {
      reader.pos = start;
      events.push(HistoryEvent.decode(reader as never, length));
    }
  }
  return events;
}

/** Looks at the first fields, in the order in which they are written; another order is read as a whole. */
function isOld(reader: BinaryReader, end: number, seen: bigint): boolean {
  if (reader.pos >= end || reader.uint32() !== ID) return false;
  if (reader.int64() <= seen) return true;
  let tag = reader.pos < end ? reader.uint32() : 0;
  if (tag === TIME) {
    reader.skip(TIME & 7);
    tag = reader.pos < end ? reader.uint32() : 0;
  }
  return OWN_TAGS.has(tag);
}
