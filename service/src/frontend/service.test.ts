/** Requests of clients: what reaches history, and what is refused with which words. */

import {
  AwaitWorkflowResultsRequest,
  GetWorkflowHistoryRequest,
  QueryWorkflowRequest,
  SignalWorkflowsRequest,
  StartWorkflowRequest,
  StartWorkflowsRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import type { FrontendWorld } from '../../test/support/frontend-world.ts';
import { call, createFrontendWorld, namespaceId, runId } from '../../test/support/frontend-world.ts';
import { PerdureError } from '../errors.ts';
import { EMPTY_CONFIG } from '../store/seed.ts';
import { StoreError } from '../store/store.ts';

const MiB = 1_048_576;
const good = { workflowId: 'wf', workflowType: 't', taskQueue: 'q' };
const payload = (bytes: number): { data: Uint8Array } => ({ data: new Uint8Array(bytes) });
const seconds = (count: number): { seconds: bigint; nanos: number } => ({ seconds: BigInt(count), nanos: 0 });

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PerdureError) return `${error.reason} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

function start(world: FrontendWorld, request: object): Promise<unknown> {
  return world.frontend.startWorkflow(StartWorkflowRequest.fromPartial({ ...good, ...request } as object), call);
}

test('a start reaches history with its defaults', async () => {
  const world = createFrontendWorld();
  const request = StartWorkflowRequest.fromPartial({ ...good, runTimeout: { seconds: 1n, nanos: 500_000 } });
  expect(await world.frontend.startWorkflow(request, call)).toEqual({ runId, started: true });
  expect(world.asked[0]?.args[0]).toMatchObject({
    namespaceId,
    ...good,
    conflictPolicy: 1,
    reusePolicy: 1,
    runTimeoutMs: 1_001,
    executionTimeoutMs: 0,
    taskTimeoutMs: 10_000,
    startDelayMs: 0,
    retentionMs: 7 * 86_400_000,
    requestId: expect.stringMatching(/^[0-9a-f-]{14}7/) as string,
  });
});

test.each([
  [{ workflowId: '' }, 'BAD_FIELD workflow_id: is required'],
  [{ workflowType: '' }, 'BAD_FIELD workflow_type: is required'],
  [{ taskQueue: '' }, 'BAD_FIELD task_queue: is required'],
  [{ workflowId: 'ü'.repeat(501) }, 'TOO_LARGE workflow_id: 1002 bytes, the limit is 1000'],
  [{ identity: 'x'.repeat(4_097) }, 'TOO_LARGE identity: 4097 bytes, the limit is 4096'],
  [{ requestId: 'abc' }, 'BAD_FIELD request_id: "abc" is not a UUIDv7'],
  [{ requestId: '01890000-0000-4000-8000-000000000002' }, 'BAD_FIELD request_id: "01890000-0000-4000-8000-000000000002" is not a UUIDv7'],
  [{ runTimeout: seconds(-1) }, 'BAD_FIELD run_timeout: is negative (-1 s, 0 ns)'],
  [{ startDelay: { seconds: 0n, nanos: -5 } }, 'BAD_FIELD start_delay: is negative (0 s, -5 ns)'],
  [{ startDelay: { seconds: 0n, nanos: Number.NaN } }, 'BAD_FIELD start_delay: is malformed: NaN nanos are not within one second'],
  [
    { startDelay: { seconds: 0n, nanos: 1_000_000_000 } },
    'BAD_FIELD start_delay: is malformed: 1000000000 nanos are not within one second',
  ],
  [{ taskTimeout: seconds(121) }, 'BAD_FIELD task_timeout: 121 s, the limit is 120 s'],
  [
    { runTimeout: { seconds: 9_000_000_000_000_000_000n, nanos: 0 } },
    'BAD_FIELD run_timeout: 9000000000000000000 s, the limit is 3155760000 s',
  ],
  [{ conflictPolicy: 9 as 1 }, 'BAD_FIELD conflict_policy: 9 is no value this service knows'],
  [{ input: [payload(MiB), payload(MiB + 1)] }, 'TOO_LARGE input: 2097153 bytes, the limit is 2097152'],
  [{ input: [payload(MiB)], header: { fields: { a: payload(MiB) } } }, 'TOO_LARGE header: 2097153 bytes, the limit is 2097152'],
  [{ memo: { note: payload(2 * MiB) } }, 'TOO_LARGE memo: 2097156 bytes, the limit is 2097152'],
  [
    { searchAttributes: { a: { value: { $case: 'keyword', value: 'x'.repeat(2_048) } } } },
    'TOO_LARGE search_attributes["a"]: 2049 bytes, the limit is 2048',
  ],
  [
    { searchAttributes: { a: { value: { $case: 'double', value: Number.NaN } } } },
    'BAD_FIELD search_attributes["a"]: NaN is not a finite number',
  ],
  [{ searchAttributes: { a: {} } }, 'BAD_FIELD search_attributes["a"]: has no value'],
  [{ searchAttributes: { '': { value: { $case: 'bool', value: true } } } }, 'BAD_FIELD search_attributes[""]: is required'],
  [
    { searchAttributes: { a: { value: { $case: 'datetime', value: 'soon' } } } },
    'BAD_FIELD search_attributes["a"]: "soon" is not an RFC 3339 time, for example 2026-01-31T12:00:00Z',
  ],
  [{ namespace: 'other' }, 'NAMESPACE_NOT_FOUND namespace "other" does not exist'],
  [{ namespace: 'x'.repeat(1_001) }, 'TOO_LARGE namespace: 1001 bytes, the limit is 1000'],
] as const)('a start with %o is refused', async (fields, expected) => {
  const world = createFrontendWorld();
  expect(await refusal(start(world, fields as never))).toBe(expected);
  expect(world.asked).toEqual([]);
});

test('limits are limits: what just fits passes', async () => {
  const world = createFrontendWorld();
  const searchAttributes = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`k${i}`, { value: { $case: 'int' as const, value: 1n } }]),
  );
  const fields = { workflowId: 'x'.repeat(1_000), input: [payload(2 * MiB)], taskTimeout: seconds(120), searchAttributes };
  expect(await refusal(start(world, fields))).toBe('accepted');
  const more = { ...searchAttributes, k100: { value: { $case: 'int' as const, value: 1n } } };
  expect(await refusal(start(world, { searchAttributes: more }))).toBe('TOO_LARGE search_attributes: 101 keys, the limit is 100');
  const large = Object.fromEntries(
    Array.from({ length: 21 }, (_, i) => [`k${i}`, { value: { $case: 'keyword' as const, value: 'x'.repeat(2_000) } }]),
  );
  expect(await refusal(start(world, { searchAttributes: large }))).toBe('TOO_LARGE search_attributes: 42053 bytes, the limit is 40960');
});

test('R-API-2: in a batch each start succeeds or fails by itself, in order', async () => {
  const world = createFrontendWorld();
  const items = [
    good,
    { ...good, workflowId: '' },
    { ...good, namespace: 'other' },
    { ...good, namespace: '' },
    { ...good, taskQueue: 'full' },
  ];
  world.script.startWorkflow = async (input: { taskQueue: string }) => {
    if (input.taskQueue === 'full') throw new PerdureError('OVERLOADED', 'slow down', {}, 1_500);
    return { runId, started: true };
  };
  const { results } = await world.frontend.startWorkflows(StartWorkflowsRequest.fromPartial({ items }), call);
  expect(results.map((one) => (one.outcome?.$case === 'error' ? one.outcome.value.message : one.outcome?.value.runId))).toEqual([
    runId,
    'workflow_id: is required',
    'namespace: "other" is not the namespace of the batch',
    runId,
    'slow down',
  ]);
  expect(results[4]?.outcome?.value).toMatchObject({ code: 8, reason: 'OVERLOADED', retryAfter: { seconds: 1n, nanos: 500_000_000 } });
});

test('batches are bounded in items and bytes', async () => {
  const { frontend } = createFrontendWorld();
  const many = StartWorkflowsRequest.fromPartial({ items: Array.from({ length: 1_001 }, () => good) });
  expect(await refusal(frontend.startWorkflows(many, call))).toBe('TOO_LARGE items: 1001 items, the limit is 1000');
  const large = StartWorkflowsRequest.fromPartial({ items: [1, 2].map(() => ({ ...good, input: [payload(1.6 * MiB)] })) });
  expect(await refusal(frontend.startWorkflows(large, call))).toMatch(/^TOO_LARGE items: 33\d{5} bytes, the limit is 3145728$/);
});

test('signals of a batch reach history in one turn and in order', async () => {
  const world = createFrontendWorld();
  const gate = Promise.withResolvers<{ runId: string }>();
  world.script.signalWorkflow = () => gate.promise;
  const execution = { workflowId: 'wf' };
  const items = ['a', '', 'b', 'c'].map((signalName) => ({ execution, signalName }));
  const answer = world.frontend.signalWorkflows(SignalWorkflowsRequest.fromPartial({ items }), call);
  await world.env.settle();
  expect(world.asked.map((one) => (one.args[1] as { signalName: string }).signalName)).toEqual(['a', 'b', 'c']);
  gate.resolve({ runId });
  expect((await answer).results.map((one) => one.outcome?.$case)).toEqual(['ok', 'error', 'ok', 'ok']);
});

test('a defect in one item is INTERNAL under an id, and its trace is logged under that id', async () => {
  const world = createFrontendWorld();
  world.script.startWorkflow = async () => {
    throw new TypeError('secret detail');
  };
  const { results } = await world.frontend.startWorkflows(StartWorkflowsRequest.fromPartial({ items: [good] }), call);
  const error = results[0]?.outcome?.value as unknown as { reason: string; message: string; metadata: { id: string } };
  expect([error.reason, error.message]).toEqual(['INTERNAL', `internal error ${error.metadata.id}`]);
  expect(JSON.stringify(world.logged)).toContain('secret detail');
  expect(world.logged[0]).toMatchObject({ id: error.metadata.id });
});

test('namespaces are asked for once per 5 s, by all calls together; a failed read is not remembered', async () => {
  const world = createFrontendWorld();
  let reads = 0;
  Object.assign(world.faults, { before: () => void reads++ });
  await Promise.all([start(world, {}), start(world, { namespace: 'default' })]);
  expect(reads).toBe(1);
  await world.env.advance(4_999);
  await start(world, {});
  expect(reads).toBe(1);
  await world.env.advance(1);
  Object.assign(world.faults, {
    before: () => {
      throw new StoreError('down', 'connection refused at db:5432');
    },
  });
  expect(await refusal(start(world, {}))).toBe('DATABASE_UNAVAILABLE the database cannot be reached');
  Object.assign(world.faults, { before: () => void reads++ });
  expect(await refusal(start(world, {}))).toBe('accepted');
  expect(reads).toBe(2);
});

test('a namespace that is created is found within a second', async () => {
  const world = createFrontendWorld();
  expect(await refusal(start(world, { namespace: 'new' }))).toContain('NAMESPACE_NOT_FOUND');
  world.database.namespaces.set('new', {
    namespaceId: '00000000-0000-7000-8000-000000000009',
    name: 'new',
    retentionMs: 1,
    version: 0,
    config: EMPTY_CONFIG,
  });
  await world.env.advance(1_000);
  expect(await refusal(start(world, { namespace: 'new' }))).toBe('accepted');
});

test('history and results are asked for within bounds', async () => {
  const world = createFrontendWorld();
  const execution = { workflowId: 'wf', runId: runId.toUpperCase() };
  const history = (more: object): Promise<unknown> =>
    world.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.fromPartial({ execution, ...more }), call);
  await history({});
  await history({ wait: true, waitTimeout: seconds(600), fromEventId: 5n, toEventId: 7n, maxBytes: 2_000_000_000 });
  expect(world.asked.map((one) => one.args.slice(0, 2))).toEqual([
    [
      { namespaceId, workflowId: 'wf', runId },
      { from: 1, to: Number.MAX_SAFE_INTEGER, maxBytes: 3.5 * MiB, waitMs: 0 },
    ],
    [
      { namespaceId, workflowId: 'wf', runId },
      { from: 5, to: 7, maxBytes: 3.5 * MiB, waitMs: 60_000 },
    ],
  ]);
  expect(await refusal(history({ fromEventId: -1n }))).toBe('BAD_FIELD from_event_id: -1 is no event id');
  expect(await refusal(history({ fromEventId: 4n, toEventId: 3n }))).toBe('BAD_FIELD to_event_id: 3 lies before from_event_id 4');
  expect(await refusal(history({ maxBytes: -1 }))).toContain('BAD_FIELD max_bytes: -1');
  expect(await refusal(history({ execution: { workflowId: 'wf', runId: 'x' } }))).toBe('BAD_FIELD execution.run_id: "x" is not a UUID');
  expect(await refusal(history({ execution: undefined }))).toBe('BAD_FIELD execution.workflow_id: is required');
});

test('a run that cannot be awaited is told at once, the others are not waited for then', async () => {
  const world = createFrontendWorld();
  const executions = [{ workflowId: 'a' }, { workflowId: '' }, { workflowId: 'b', runId: 'x' }];
  const { results } = await world.frontend.awaitWorkflowResults(AwaitWorkflowResultsRequest.fromPartial({ executions }), call);
  expect(results.map((one) => [one.index, one.outcome?.$case])).toEqual([
    [1, 'error'],
    [2, 'error'],
  ]);
  await world.frontend.awaitWorkflowResults(AwaitWorkflowResultsRequest.fromPartial({ executions: [{ workflowId: 'a' }] }), call);
  expect(world.asked).toMatchObject([
    { method: 'awaitResults', args: [[{ workflowId: 'a' }], { waitMs: 60_000, thisRunOnly: false }, call.abort] },
  ]);
  const tooMany = AwaitWorkflowResultsRequest.fromPartial({ executions: Array.from({ length: 10_001 }, () => ({ workflowId: 'a' })) });
  expect(await refusal(world.frontend.awaitWorkflowResults(tooMany, call))).toBe('TOO_LARGE executions: 10001 items, the limit is 10000');
});

test('R-QUERY-3: a query waits for 10 s at most and passes on what the handler returned', async () => {
  const world = createFrontendWorld();
  const request = QueryWorkflowRequest.fromPartial({ execution: { workflowId: 'wf' }, queryType: 'state' });
  expect((await world.frontend.queryWorkflow(request, call)).outcome?.$case).toBe('result');
  expect(world.asked[0]?.args[2]).toBe(10_000);
  expect(await refusal(world.frontend.queryWorkflow({ ...request, queryType: '' }, call))).toBe('BAD_FIELD query_type: is required');
});

test('the service tells its version and limits', async () => {
  const info = await createFrontendWorld().frontend.getSystemInfo({}, call);
  expect([info.version, info.limits.batch_items]).toEqual(['1.2.3', 1_000n]);
});
