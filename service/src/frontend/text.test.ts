/** The walk over messages: it misses no text, and names what it finds. */
import { readdirSync, readFileSync } from 'node:fs';
import { Command } from '@perdure/proto/perdure/api/v1/command';
import { Header, Payload } from '@perdure/proto/perdure/api/v1/common';
import { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkText, findBadText, MAP_FIELDS, weigh } from './text.ts';

test('the map fields are those of the protocol', () => {
  const folder = new URL('../../../proto/perdure/api/v1/', import.meta.url);
  const found = new Set<string>();
  for (const file of readdirSync(folder)) {
    for (const match of readFileSync(new URL(file, folder), 'utf8').matchAll(/^\s*map<.+> (\w+) = /gm)) {
      found.add((match[1] ?? '').replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()));
    }
  }
  expect([...MAP_FIELDS].sort()).toEqual([...found].sort());
});

test('paths are those of the protocol', () => {
  const path = (message: unknown): string | undefined => findBadText(message, '')?.path;
  expect(path(StartWorkflowRequest.fromPartial({ workflowId: 'a\0' }))).toBe('workflow_id');
  expect(path(StartWorkflowRequest.fromPartial({ input: [{}, { metadata: { 'k\ud800': new Uint8Array(1) } }] }))).toBe(
    'input[1].metadata["k\\ud800"]',
  );
  expect(
    path(
      StartWorkflowRequest.fromPartial({ searchAttributes: { 'a b': { value: { $case: 'keywordList', value: { values: ['', '\0'] } } } } }),
    ),
  ).toBe('search_attributes["a b"].keyword_list.values[1]');
  expect(path([Command.fromPartial({ attributes: { $case: 'scheduleActivity', value: { header: { text: { k: '\udc00' } } } } })])).toBe(
    '[0].schedule_activity.header.text["k"]',
  );
});

test('a key that the decoder would lose is refused', () => {
  const bytes = Header.encode({ text: {}, fields: {} }).finish();
  const entry = Uint8Array.of(10, 9, ...new TextEncoder().encode('__proto__'), 18, 2, 10, 0);
  const header = Header.decode(Uint8Array.of(...bytes, 18, entry.length, ...entry));
  expect(() => checkText({ header })).toThrow('header.fields["__proto__"]: this key is not allowed');
});

test('weight is text in UTF-8 plus data, whatever the text', () => {
  const payload = fc.record({
    encoding: fc.string({ unit: 'grapheme' }),
    data: fc.uint8Array(),
    metadata: fc.constant({ kö: new Uint8Array(3) }),
  });
  fc.assert(
    fc.property(fc.array(payload), (payloads) => {
      const expected = payloads.reduce((sum, { encoding, data }) => sum + new TextEncoder().encode(encoding).length + data.length + 6, 0);
      const bytes = weigh(payloads.map((one) => Payload.fromPartial(one)));
      return payloads.some(({ encoding }) => encoding.includes('\0')) ? Number.isNaN(bytes) : bytes === expected;
    }),
  );
});
