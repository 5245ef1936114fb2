/** Lists and counts on the memory store: pages, their tokens, and what a page may weigh. */

import { WorkflowPropertiesUpserted } from '@perdure/proto/perdure/api/v1/workflow';
import { CountWorkflowsRequest, ListWorkflowsRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { activityTokenBytes, call, createFrontendWorld, type FrontendWorld, namespaceId } from '../../test/support/frontend-world.ts';
import { EMPTY_CONFIG } from '../store/seed.ts';

const attribute = { value: { $case: 'double' as const, value: 2 } };

function memo(bytes: number): Uint8Array {
  const note = { encoding: 'b', data: new Uint8Array(bytes), metadata: {} };
  return WorkflowPropertiesUpserted.encode({ completedEventId: 0n, memo: { note }, searchAttributes: { tries: attribute } }).finish();
}

function fill(world: FrontendWorld, count: number, memoBytes = 0): void {
  for (let i = 0; i < count; i++) {
    const id = `01890000-0000-7000-8000-${String(i).padStart(12, '0')}`;
    world.database.visibility.set(`${namespaceId}/${id}`, {
      ...{
        namespaceId,
        workflowId: `wf-${i}`,
        runId: id,
        type: i % 2 === 0 ? 'even' : 'odd',
        status: 1,
        startedAt: 1_000 + Math.floor(i / 3),
      },
      ...{
        closedAt: null,
        taskQueue: 'q',
        buildId: '',
        blockedCause: '',
        historyLength: 3,
        attributes: { customer: 'c1' },
        memo: memo(memoBytes),
      },
    });
  }
}

async function pages(world: FrontendWorld, more: { filter?: string; pageSize?: number }): Promise<string[][]> {
  const read: string[][] = [];
  for (let pageToken: Uint8Array = new Uint8Array(0); ; ) {
    const page = await world.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({ ...more, pageToken }), call);
    read.push(page.workflows.map((one) => one.execution?.workflowId ?? ''));
    pageToken = page.nextPageToken;
    if (pageToken.length === 0) return read;
  }
}

test('R-API-5: pages go on where the one before ended, newest first, and the last one says so', async () => {
  const world = createFrontendWorld();
  fill(world, 10);
  expect((await pages(world, { pageSize: 4 })).map((page) => page.length)).toEqual([4, 4, 2]);
  const all = (await pages(world, { pageSize: 3 })).flat();
  expect([new Set(all).size, all[0], all.at(-1)]).toEqual([10, 'wf-9', 'wf-0']);
  expect(await pages(world, { pageSize: 5, filter: "WorkflowType = 'odd'" })).toEqual([['wf-9', 'wf-7', 'wf-5', 'wf-3', 'wf-1']]);
  const { count } = await world.frontend.countWorkflows(CountWorkflowsRequest.fromPartial({ filter: "WorkflowType = 'odd'" }), call);
  expect(count).toBe(5n);
});

test('a page weighs at most about 3.5 MiB, but has at least one run', async () => {
  const world = createFrontendWorld();
  fill(world, 5, 1_500_000);
  expect((await pages(world, {})).map((page) => page.length)).toEqual([2, 2, 1]);
});

test('a page token goes with its filter and namespace only', async () => {
  const world = createFrontendWorld();
  fill(world, 3);
  world.database.namespaces.set('other', {
    namespaceId: '00000000-0000-7000-8000-00000000000f',
    name: 'other',
    retentionMs: 1,
    version: 0,
    config: EMPTY_CONFIG,
  });
  const { nextPageToken } = await world.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({ pageSize: 1 }), call);
  const list = (more: object): Promise<unknown> =>
    world.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({ pageToken: nextPageToken, ...more }), call);
  await expect(list({})).resolves.toBeDefined();
  for (const more of [
    { filter: "Status = 'Running'" },
    { namespace: 'other' },
    { pageToken: activityTokenBytes() },
    { pageToken: Uint8Array.of(1) },
  ]) {
    await expect(list(more)).rejects.toMatchObject({ reason: 'BAD_TOKEN', metadata: { field: 'page_token' } });
  }
  await expect(list({ pageSize: 1_001 })).rejects.toThrow('page_size: 1001 is not within 0 and 1000');
});

test('memo and search attributes come back as they were written, with their types', async () => {
  const world = createFrontendWorld();
  fill(world, 1, 3);
  const { workflows } = await world.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({}), call);
  expect(workflows[0]?.searchAttributes).toEqual({ tries: attribute });
  expect(workflows[0]?.memo.note?.data).toHaveLength(3);
  expect(workflows[0]).toMatchObject({ historyLength: 3n, startTime: { seconds: 1n, nanos: 0 }, closeTime: undefined });
});
