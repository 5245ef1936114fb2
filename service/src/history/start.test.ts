/** Starts of one workflow id that meet, with the database held up. */
import { ConflictPolicy } from '@perdure/proto/perdure/api/v1/workflow';
import {
  DescribeWorkflowRequest,
  GetWorkflowHistoryRequest,
  StartWorkflowRequest,
  TerminateWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { createManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode } from '../../test/support/node.ts';
import { createMemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };

test('R-COMMIT-3: the history of a run is shown while its start is repeated', async () => {
  const env = createManualEnv();
  const database = createMemoryDatabase();
  const faults: StoreFaults = {};
  const boot = () => startTestNode(env, createMemoryStore({ now: env.now, database, faults }));
  const request = StartWorkflowRequest.create({
    workflowId: 'w',
    workflowType: 't',
    taskQueue: 'q',
    requestId: '019b76da-a800-7000-8000-000000000001',
  });
  const settle = async <T>(work: Promise<T>): Promise<T> => {
    await env.advance(100);
    return await work;
  };
  const first = await boot();
  const { runId } = await settle(first.frontend.startWorkflow(request, call));
  const execution = { workflowId: 'w', runId };
  await settle(first.frontend.terminateWorkflow(TerminateWorkflowRequest.create({ execution }), call));
  await settle(first.history.stop());

  const node = await boot();
  await env.advance(10);
  const gate = Promise.withResolvers<void>();
  faults.before = ({ method }) => (method === 'commit' ? gate.promise : undefined);
  const again = node.frontend.startWorkflow(request, call);
  await env.advance(1);
  const page = node.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.create({ execution }), call);
  await env.advance(1);
  delete faults.before;
  gate.resolve();
  await env.advance(1_000);
  expect((await again).runId).toBe(runId);
  expect(await page).toMatchObject({ nextEventId: 3n, end: true, closed: true });
  await settle(node.history.stop());
});

test('R-COMMIT-1: of two starts beside the close of the run before them, one gets the workflow id', async () => {
  const env = createManualEnv();
  const database = createMemoryDatabase();
  const faults: StoreFaults = {};
  const boot = () => startTestNode(env, createMemoryStore({ now: env.now, database, faults }));
  const request = (fields: Partial<StartWorkflowRequest>) =>
    StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields });
  const first = await boot();
  const begun = first.frontend.startWorkflow(request({ startDelay: { seconds: 3_600n, nanos: 0 } }), call);
  await env.settle();
  await env.advance(10);
  const { runId } = await begun;
  const stopped = first.history.stop();
  await env.advance(100);
  await stopped;

  // The run sleeps in the store: a start knows nothing of it until the commit says so.
  const node = await boot();
  await env.advance(10);
  const gate = Promise.withResolvers<void>();
  faults.before = ({ method }) => (method === 'commit' ? gate.promise : undefined);
  const busy = node.frontend.startWorkflow(request({ workflowId: 'another' }), call);
  await env.advance(1);
  const blind = node.frontend.startWorkflow(request({}), call).catch((error: { reason: string }) => error.reason);
  await env.advance(1);
  const described = node.frontend.describeWorkflow(DescribeWorkflowRequest.create({ execution: { workflowId: 'w', runId } }), call);
  await env.advance(1);
  await described;
  const replacing = node.frontend.startWorkflow(request({ conflictPolicy: ConflictPolicy.TERMINATE_EXISTING }), call);
  await env.advance(1);
  delete faults.before;
  gate.resolve();
  await env.advance(1_000);
  await busy;

  expect(await blind).toBe('WORKFLOW_ALREADY_STARTED');
  const open = database.executions
    .flatMap((slot) => [...slot.values()])
    .filter(({ key, closedAt }) => key.workflowId === 'w' && closedAt === null);
  expect(open.map(({ key }) => key.runId)).toEqual([(await replacing).runId]);
  const stopping = node.history.stop();
  await env.advance(100);
  await stopping;
});
