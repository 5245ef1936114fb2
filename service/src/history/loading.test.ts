/** R-OWN-5: what is read in one ownership of a slot says nothing in the next. */
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { DescribeWorkflowRequest, StartWorkflowRequest, TerminateWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { createManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode } from '../../test/support/node.ts';
import { createMemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };
const execution = { workflowId: 'w', runId: '' };

test('R-OWN-5: a run that was being read when the node began anew is not answered from that read', async () => {
  const env = createManualEnv();
  const database = createMemoryDatabase();
  const faults: StoreFaults = {};
  const starting = startTestNode(env, createMemoryStore({ now: env.now, database, faults }), { history: { coolAfterMs: 1_000 } });
  await env.advance(10);
  const { frontend, history, matching } = await starting;
  const answered = async <T>(promise: Promise<T>): Promise<T> => {
    await env.advance(100);
    return await promise;
  };
  const start = (workflowId: string) =>
    frontend.startWorkflow(StartWorkflowRequest.create({ workflowId, workflowType: 't', taskQueue: 'q' }), call);
  await answered(start('w'));
  await answered(frontend.terminateWorkflow(TerminateWorkflowRequest.create({ execution }), call));
  await env.advance(10_000);
  expect(history.stats().hot).toBe(0);

  let go = (): void => {};
  faults.before = ({ method }) => {
    if (method !== 'loadRuns') return undefined;
    delete faults.before;
    return new Promise<void>((resolve) => {
      go = resolve;
    });
  };
  const described = frontend.describeWorkflow(DescribeWorkflowRequest.create({ execution }), call).catch((error: unknown) => error);
  await env.advance(10);
  // Somebody has taken the node's row away; the next commit finds out.
  database.nodes.clear();
  await env.advance(10);
  const refused = start('other').catch((error: unknown) => error);
  await env.advance(5_000);
  await refused;
  expect(history.health()).toBe('serving');
  go();
  await env.advance(100);
  expect(await described).toMatchObject({ reason: 'UNAVAILABLE', message: expect.stringContaining('changed hands') });
  // Asked again, it is there.
  const again = await answered(frontend.describeWorkflow(DescribeWorkflowRequest.create({ execution }), call));
  expect(again.summary?.status).toBe(WorkflowStatus.TERMINATED);
  matching.close();
  const stopped = history.stop();
  await env.advance(1_000);
  await stopped;
});
