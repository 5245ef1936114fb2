// Histories as lines of text: one line per event, with what differs from run to run left out or named.
import { HistoryEvent as Event, History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { fromProto, isObject, type Json } from './values.ts';

/** Told by who did it and when, which is not what a feature is about; features that are expect it in a step. */
const SILENT = new Set([
  'runId',
  'firstRunId',
  'randomSeed',
  'startedTime',
  'historyBytes',
  'sdkName',
  'sdkVersion',
  'buildId',
  'workerId',
  'identity',
  'callSite',
  'newFlags',
  'stackTrace',
  'source',
  'header',
  'executionDeadline',
  'cronTime',
]);

/** The events of encoded histories inside an answer (`history` in base64), as `{ lines, bytes }`. */
export function withLines(value: Json, key = ''): Json {
  if (key === 'history' && typeof value === 'string') {
    const { events } = History.decode(Uint8Array.from(Buffer.from(value, 'base64')));
    return { lines: historyLines(events), bytes: value };
  }
  if (Array.isArray(value)) return value.map((item) => withLines(item as Json, key));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withLines(item, name)]));
}

/** `3 activityScheduled completedEventId=2 number=1 activityType=charge …` */
export function historyLines(events: readonly HistoryEvent[]): string[] {
  return events.map((event) => {
    const { id, time: _, ...rest } = Event.toJSON(event) as Record<string, Json>;
    const [[kind, attributes] = ['(unknown)', {}]] = Object.entries(rest);
    return `${id} ${kind}${fields(fromProto(attributes))}`;
  });
}

function fields(value: Json): string {
  if (!isObject(value)) return '';
  return Object.entries(value)
    .filter(([name]) => !SILENT.has(name))
    .map(([name, field]) => [name, show(field)])
    .filter(([, text]) => text !== '' && text !== '0s' && text !== '{}')
    .map(([name, text]) => ` ${name}=${text}`)
    .join('');
}

/** Fields from which a payload is known. */
const isPayload = (value: { readonly [key: string]: Json }): boolean =>
  '$json' in value || ('encoding' in value && Object.keys(value).every((name) => ['encoding', 'data', 'metadata'].includes(name)));

function show(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (!isObject(value)) {
    const text = String(value);
    if (text.length > 300) return `(${text.length} characters)`;
    // The prefixes of enums say what the field's name says already.
    return /^[\w.:/@<>-]*$/.test(text) ? text.replace(/^[A-Z]+(?:_[A-Z]+)*?_(?:TYPE|STATE|STATUS|CAUSE)_/, '') : JSON.stringify(text);
  }
  if (isPayload(value)) return showPayload(value);
  return `{${fields(value).trim()}}`;
}

function showPayload(value: { readonly [key: string]: Json }): string {
  if ('$json' in value) {
    const text = JSON.stringify(value.$json);
    return text.length > 300 ? `(${text.length} characters of JSON)` : text;
  }
  const bytes = Buffer.from(String(value.data ?? ''), 'base64');
  return `(${value.encoding}${bytes.length === 0 ? '' : bytes.length > 32 ? `, ${bytes.length} bytes` : ` ${bytes.toString('hex')}`})`;
}

/** Replaces what a run made up: ids by their names, longest first, and UUIDs nobody named. */
export function normalise(lines: readonly string[], known: ReadonlyMap<string, string>): string[] {
  const byLength = [...known].sort(([a], [b]) => b.length - a.length);
  return lines.map((line) =>
    byLength
      .reduce((text, [value, name]) => text.replaceAll(value, name), line)
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uuid>'),
  );
}

/** Lines that are in one only, with `-` (expected) and `+` (actual), and two equal lines around them. Empty when equal. */
export function diff(expected: readonly string[], actual: readonly string[]): string[] {
  const lengths = Array.from({ length: expected.length + 1 }, () => new Array<number>(actual.length + 1).fill(0));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = expected.length - 1; i >= 0; i -= 1) {
    for (let j = actual.length - 1; j >= 0; j -= 1) {
      const row = lengths[i] as number[];
      row[j] = expected[i] === actual[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const all: string[] = [];
  for (let i = 0, j = 0; i < expected.length || j < actual.length; ) {
    if (i < expected.length && j < actual.length && expected[i] === actual[j]) {
      all.push(`  ${expected[i]}`);
      i += 1;
      j += 1;
    } else if (i < expected.length && (j >= actual.length || at(i + 1, j) >= at(i, j + 1))) all.push(`- ${expected[i++]}`);
    else all.push(`+ ${actual[j++]}`);
  }
  const changed = all.map((line) => !line.startsWith('  '));
  if (!changed.includes(true)) return [];
  return all.filter((_, n) => changed.slice(Math.max(0, n - 2), n + 3).includes(true));
}
