/**
 * R-LIMIT-1: every limit a program is told of is held, and its refusal names field, size and limit. The table has a line for
 * each, or says where it is held.
 */
import { CompleteWorkflowTasksRequest, HeartbeatActivitiesRequest } from '@perdure/proto/perdure/api/v1/worker_service';
import {
  AwaitWorkflowResultsRequest,
  GetSystemInfoRequest,
  ListWorkflowsRequest,
  StartWorkflowRequest,
  StartWorkflowsRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import {
  activityTokenBytes,
  call,
  createFrontendWorld,
  type FrontendWorld,
  worker,
  workflowTokenBytes,
} from '../../test/support/frontend-world.ts';

const MiB = 1024 * 1024;
const payload = (bytes: number) => ({ encoding: '', data: new Uint8Array(bytes), metadata: {} });
const keyword = (bytes: number) => ({ value: { $case: 'keyword' as const, value: 'x'.repeat(bytes) } });
const keys = <T>(count: number, value: T) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));

const start = (fields: object) => (world: FrontendWorld) =>
  world.frontend.startWorkflow(StartWorkflowRequest.fromPartial({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields }), call);
const complete = (fields: object) => async (world: FrontendWorld) => {
  const completions = [{ token: workflowTokenBytes(), ...fields }];
  const request = CompleteWorkflowTasksRequest.fromPartial({ worker, completions });
  const [result] = (await world.frontend.completeWorkflowTasks(request, call)).results;
  if (result?.outcome?.$case === 'error') throw result.outcome.value;
};
const startMany = (count: number, bytes: number) => (world: FrontendWorld) => {
  const items = Array.from({ length: count }, () => ({ workflowId: 'w', workflowType: 't', taskQueue: 'q', input: [payload(bytes)] }));
  return world.frontend.startWorkflows(StartWorkflowsRequest.fromPartial({ items }), call);
};
const result = (bytes: number) => ({ attributes: { $case: 'completeWorkflow' as const, value: { result: payload(bytes) } } });
const schedule = (bytes: number) => ({ attributes: { $case: 'scheduleActivity' as const, value: { input: [payload(bytes)] } } });

interface Held {
  readonly ask: (world: FrontendWorld) => Promise<unknown>;
  readonly field: string;
  readonly size: string;
  readonly limit: string;
}

/** By the key under which GetSystemInfo tells it. Text: the test that holds it, since it depends on what a run holds. */
const LIMITS: Readonly<Record<string, Held | string>> = {
  await_workflow_results_runs: {
    ask: (world) =>
      world.frontend.awaitWorkflowResults(
        AwaitWorkflowResultsRequest.fromPartial({ executions: Array.from({ length: 10_001 }, () => ({ workflowId: 'w' })) }),
        call,
      ),
    ...{ field: 'executions', size: '10001', limit: '10000' },
  },
  batch_bytes: { ask: startMany(2, 1.6 * MiB), field: 'items', size: String(2 * Math.floor(1.6 * MiB) + 6), limit: String(3 * MiB) },
  batch_items: { ask: startMany(1_001, 0), field: 'items', size: '1001', limit: '1000' },
  command_bytes: {
    ask: complete({ commands: [schedule(1.9 * MiB), schedule(1.9 * MiB)] }),
    ...{ field: 'commands[0].schedule_activity', size: '', limit: String(3 * MiB) },
  },
  event_payload_bytes: { ask: start({ input: [payload(2 * MiB + 1)] }), field: 'input', size: String(2 * MiB + 1), limit: String(2 * MiB) },
  history_bytes: 'service/src/core/testdata/limits.txt',
  history_events: 'service/src/core/testdata/limits.txt',
  id_bytes: { ask: start({ workflowId: 'x'.repeat(1_001) }), field: 'workflow_id', size: '1001', limit: '1000' },
  list_page: 'service/src/frontend/list.test.ts',
  long_poll_ms: 'longer waits are cut',
  memo_bytes: { ask: start({ memo: { m: payload(2 * MiB) } }), field: 'memo', size: String(2 * MiB + 1), limit: String(2 * MiB) },
  page_bytes: 'service/src/frontend/list.test.ts',
  pending_activities: 'service/src/core/testdata/limits.txt',
  pending_cancels_out: 'service/src/core/testdata/child.txt',
  pending_children: 'service/src/core/testdata/child.txt',
  pending_signals_out: 'service/src/core/testdata/child.txt',
  pending_timers: 'service/src/core/testdata/limits.txt',
  request_bytes: 'service/src/rpc/server.test.ts',
  search_attribute_bytes: {
    ask: start({ searchAttributes: { a: keyword(2_048) } }),
    ...{ field: 'search_attributes["a"]', size: '2049', limit: '2048' },
  },
  search_attributes: { ask: start({ searchAttributes: keys(101, keyword(1)) }), field: 'search_attributes', size: '101', limit: '100' },
  search_attributes_bytes: {
    ask: start({ searchAttributes: keys(21, keyword(2_000)) }),
    ...{ field: 'search_attributes', size: '', limit: '40960' },
  },
  signals: 'service/src/core/testdata/limits.txt',
  task_timeout_ms: { ask: start({ taskTimeout: { seconds: 121n, nanos: 0 } }), field: 'task_timeout', size: '121 s', limit: '120 s' },
  variables_bytes: 'service/src/core/testdata/limits.txt',
};

/** Held, though no program is told of it. */
const MORE: Readonly<Record<string, Held>> = {
  filter: {
    ask: (world) => world.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({ filter: 'x'.repeat(4_097) }), call),
    ...{ field: 'filter', size: '4097', limit: '4096' },
  },
  identity: { ask: start({ identity: 'x'.repeat(4_097) }), field: 'identity', size: '4097', limit: '4096' },
  command: { ask: complete({ commands: [result(2 * MiB + 1)] }), field: 'commands[0].complete_workflow', size: '', limit: String(2 * MiB) },
  heartbeat: {
    ask: async (world) => {
      const heartbeats = [{ token: activityTokenBytes(), details: payload(2 * MiB + 1) }];
      const { results } = await world.frontend.heartbeatActivities(HeartbeatActivitiesRequest.fromPartial({ worker, heartbeats }), call);
      throw results[0]?.error;
    },
    ...{ field: 'details', size: String(2 * MiB + 1), limit: String(2 * MiB) },
  },
};

test('the table has every limit that programs are told of', async () => {
  const { limits } = await createFrontendWorld().frontend.getSystemInfo(GetSystemInfoRequest.fromPartial({}), call);
  const heldElsewhere = Object.keys(limits).filter((key) => !(key in LIMITS) && !LATER.has(key));
  expect(heldElsewhere).toEqual([]);
});

/** Limits of concepts with tests of their own. */
const LATER = new Set(['updates', 'updates_in_flight']);

const held = Object.entries({ ...LIMITS, ...MORE }).filter((entry): entry is [string, Held] => typeof entry[1] !== 'string');
test.each(held)('%s', async (_, { ask, field, size, limit }) => {
  const refusal = await ask(createFrontendWorld()).then(
    () => undefined,
    (error: { message: string; metadata: Record<string, string> }) => error,
  );
  expect(refusal?.metadata).toMatchObject({ field, limit, ...(size === '' ? {} : { size }) });
  expect(Number.parseFloat(refusal?.metadata.size ?? '')).toBeGreaterThan(Number.parseFloat(limit));
  expect(refusal?.message).toContain(`limit is ${limit}`);
  expect(refusal?.message).toContain(refusal?.metadata.size);
});
