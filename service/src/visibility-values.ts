/** Memo and search attributes as the visibility rows hold them: history writes them, lists read them. */
import type { Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { WorkflowPropertiesUpserted } from '@perdure/proto/perdure/api/v1/workflow';

/** A memo as stored; no bytes for no memo. */
export function encodeMemo(memo: Record<string, Payload>): Uint8Array {
  return WorkflowPropertiesUpserted.encode({ completedEventId: 0n, memo, searchAttributes: {} }).finish();
}

/** What `encodeMemo` wrote. */
export function decodeMemo(bytes: Uint8Array | undefined): Record<string, Payload> {
  return bytes === undefined || bytes.length === 0 ? {} : WorkflowPropertiesUpserted.decode(bytes).memo;
}

/** Search attributes as plain JSON values. Integers beyond 2^53 become text, as JSON readers would round them. */
export function plainAttributes(attributes: Readonly<Record<string, SearchAttributeValue>>): Record<string, unknown> {
  const plain: [string, unknown][] = [];
  for (const [key, { value }] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (value.$case === 'keywordList') plain.push([key, value.value.values]);
    else if (value.$case === 'int')
      plain.push([key, Number.isSafeInteger(Number(value.value)) ? Number(value.value) : String(value.value)]);
    else plain.push([key, value.value]);
  }
  return Object.fromEntries(plain);
}

/**
 * Plain values with the type that their form tells: a double without a fraction comes back as int, a datetime as keyword.
 * Describe shows the exact type.
 */
export function typedAttributes(plain: Readonly<Record<string, unknown>> | undefined): Record<string, SearchAttributeValue> {
  const typed: [string, SearchAttributeValue][] = [];
  for (const [key, value] of Object.entries(plain ?? {})) {
    const attribute = typedValue(value);
    if (attribute !== undefined) typed.push([key, { value: attribute }]);
  }
  return Object.fromEntries(typed);
}

function typedValue(value: unknown): SearchAttributeValue['value'] {
  if (typeof value === 'string') return { $case: 'keyword', value };
  if (typeof value === 'boolean') return { $case: 'bool', value };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { $case: 'int', value: BigInt(value) } : { $case: 'double', value };
  if (Array.isArray(value)) return { $case: 'keywordList', value: { values: value.map(String) } };
  return undefined;
}
