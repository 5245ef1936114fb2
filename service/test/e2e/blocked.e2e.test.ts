/** Runs whose code fails: shown as blocked, harmless to others, and going on at once when a corrected worker comes. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@perdure/sdk/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../support/program.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { buggy, changing, fine, impossible, spinning } from './hard/before.ts';

const QUEUE = 'blocked';
const parent = mkdtempSync(join(tmpdir(), 'perdure-blocked-'));
// PostgreSQL refuses to run as root; as another user it must be able to enter.
chmodSync(parent, 0o711);
const patience = { timeout: 60_000, interval: 100 };

let stage: Stage;

beforeAll(async () => {
  stage = await setStage(join(parent, 'data'));
}, 60_000);

afterAll(async () => {
  await stage.close();
  rmSync(parent, { recursive: true, force: true });
}, 60_000);

async function blockedAs(handle: WorkflowHandle, cause: string, attempt = 3): Promise<void> {
  await vi.waitUntil(async () => {
    const { blocked } = await handle.describe();
    return blocked?.cause === cause && blocked.attempt >= attempt;
  }, patience);
}

/** Until the code waits for its timer. */
async function asleep(handle: WorkflowHandle): Promise<void> {
  await vi.waitUntil(async () => (await handle.describe()).pendingTimers.length === 1, patience);
}

/** When the next attempt will come by itself, as soon as that is far enough away. */
async function nextAttempt(handle: WorkflowHandle): Promise<number> {
  return await vi.waitUntil(async () => {
    const time = (await handle.describe()).raw.pendingWorkflowTask?.nextAttemptTime;
    const at = Number(time?.seconds ?? 0n) * 1_000;
    return at > Date.now() + 11_000 && at;
  }, patience);
}

async function closedAt(handle: WorkflowHandle): Promise<number> {
  return (await handle.describe()).closeTime?.getTime() ?? Number.POSITIVE_INFINITY;
}

const IMPOSSIBLE: [kind: string, cause: string, message: RegExp][] = [
  ['U+0000 in a type', 'BAD_COMMAND', /activity_type: holds the character U\+0000/],
  ['half a surrogate pair in a type', 'WORKFLOW_ERROR', /activity type: "a\\ud800" holds half of a surrogate pair/],
  ['a type too long', 'TOO_LARGE', /activity_type: 1001 bytes, the limit is 1000/],
  ['a time too long', 'WORKFLOW_ERROR', /startToCloseTimeout: "73000 days" is longer than 100 years/],
  ['no time limit', 'WORKFLOW_ERROR', /one of startToCloseTimeout and scheduleToCloseTimeout is required/],
  ['a sleep too long', 'WORKFLOW_ERROR', /sleep duration: "73000 days" is longer than 100 years/],
  ['U+0000 in a memo', 'BAD_COMMAND', /memo\["a\\u0000"\]: the key holds the character U\+0000/],
  ['a result too large', 'TOO_LARGE', /complete_workflow: 2200\d+ bytes, the limit is 2097152/],
  ['a result without JSON', 'WORKFLOW_ERROR', /result of workflow impossible \(bigint\) cannot be serialized/],
  ['too many timers', 'BAD_COMMAND', /2001 open timers, the limit is 2000/],
  ['a variable too large', 'WORKFLOW_ERROR', /the variables take \d+ bytes, the limit is 65536/],
  ['a memo too large', 'TOO_LARGE', /upsert_properties: 2200\d+ bytes, the limit is 2097152/],
  ['the same activity id twice', 'BAD_COMMAND', /"one" is the id of an open activity/],
  ['what is absent', 'WORKFLOW_ERROR', /fetch is not available in workflow code: do this in an activity/],
];

describe('errors of the code', () => {
  let others: Map<string, WorkflowHandle>;
  let bug: WorkflowHandle;
  let unknown: WorkflowHandle;
  let endless: WorkflowHandle;
  let changed: WorkflowHandle;

  beforeAll(async () => {
    const worker = await stage.worker(QUEUE, 'before.ts');
    changed = await stage.client.start(changing, stage.fresh(QUEUE));
    await asleep(changed);
    bug = await stage.client.start(buggy, { ...stage.fresh(QUEUE), args: [{}] });
    unknown = await stage.client.start('late', stage.fresh(QUEUE));
    endless = await stage.client.start(spinning, { ...stage.fresh(QUEUE), args: [1e15] });
    const starts = IMPOSSIBLE.map(
      async ([kind]) => [kind, await stage.client.start(impossible, { ...stage.fresh(QUEUE), args: [kind] })] as const,
    );
    others = new Map(await Promise.all(starts));
    await Promise.all([blockedAs(bug, 'WORKFLOW_ERROR'), blockedAs(unknown, 'UNKNOWN_WORKFLOW_TYPE'), blockedAs(endless, 'DEADLOCK')]);
    expect(worker.child.exitCode).toBeNull();
  }, 120_000);

  test('a thrown error blocks the run and shows message and place', async () => {
    const { status, blocked, blockedCause } = await bug.describe();
    expect([status, blockedCause]).toEqual(['Running', 'WORKFLOW_ERROR']);
    expect(blocked?.failure?.message).toMatch(/Cannot read properties of undefined \(reading 'cents'\)/);
    expect(blocked?.failure?.stack).toMatch(/buggy \(.*before\.ts:12:/);
  });

  test('an unknown workflow type names those known', async () => {
    const { blocked } = await unknown.describe();
    expect(blocked?.failure?.message).toMatch(/no workflow "late" on this worker \(known: buggy, changing, fine, impossible, spinning\)/);
  });

  test('an endless loop names the line it stands at', async () => {
    const { blocked } = await endless.describe();
    expect(blocked?.failure?.message).toMatch(/spinning blocked its thread: it must not loop/);
    expect(blocked?.failure?.stack).toMatch(/spinning \(.*before\.ts:24:/);
  });

  test.each(IMPOSSIBLE)('impossible: %s', async (kind, cause, message) => {
    const handle = others.get(kind) as WorkflowHandle;
    await blockedAs(handle, cause);
    expect((await handle.describe()).blocked?.failure?.message).toMatch(message);
    await handle.terminate();
  });

  test('R-QUERY-3: lists and the CLI show them; queries of them fail fast', async () => {
    const listed: string[] = [];
    for await (const run of stage.client.list({ filter: `BlockedCause != '' AND TaskQueue = '${QUEUE}'` })) listed.push(run.workflowId);
    expect(listed.sort()).toEqual([bug, unknown, endless].map(({ workflowId }) => workflowId).sort());
    const env = { PERDURE_ADDRESS: stage.address };
    const shown = await runProgram(['workflow', 'describe', bug.workflowId], { env });
    expect(shown.stdout).toMatch(/WORKFLOW_ERROR/);
    expect(shown.stdout).toMatch(/reading 'cents'/);
    await expect(bug.query('where')).rejects.toMatchObject({ reason: 'RUN_BLOCKED', message: expect.stringContaining("reading 'cents'") });
  });

  test('others in the same worker are not harmed', async () => {
    const values = Array.from({ length: 20 }, (_, index) => index);
    const results = values.map((value) => stage.client.execute(fine, { ...stage.fresh(QUEUE), args: [value] }));
    expect(await Promise.all(results)).toEqual(values);
    expect(await changed.query('where')).toBe('before');
  });

  // Takes half a minute, in which the pauses between the attempts of those above grow: the next test needs a long one.
  test('code that holds its thread does not make runs beside it fail', async () => {
    const queue = 'crowded';
    const worker = await stage.worker(queue, 'before.ts');
    const loops = await Promise.all([1, 2, 3].map(() => stage.client.start(spinning, { ...stage.fresh(queue), args: [1e15] })));
    const values = Array.from({ length: 30 }, (_, index) => index);
    const results = values.map((value) => stage.client.execute(fine, { ...stage.fresh(queue), args: [value] }));
    expect(await Promise.all(results)).toEqual(values);
    await Promise.all(loops.map((handle) => blockedAs(handle, 'DEADLOCK')));
    await worker.end('SIGKILL');
    // Every failed attempt was one of the loops'.
    const failed = [...worker.stderr().matchAll(/a workflow task failed workflowType=(\w+)/g)].map(([, type]) => type);
    expect(new Set(failed)).toEqual(new Set(['spinning']));
    expect(worker.stderr()).not.toContain('STALE_TASK');
    await Promise.all(loops.map((handle) => handle.terminate()));
  });

  test('a corrected worker beside the old one: blocked runs go on before their time', async () => {
    const due = await nextAttempt(bug);
    const corrected = await stage.worker(QUEUE, 'after.ts');
    expect(await Promise.all([bug, unknown, endless].map((handle) => handle.result()))).toEqual([0, 'known now', 'spun']);
    expect(await closedAt(bug)).toBeLessThan(due);
    expect((await bug.describe()).blocked).toBeUndefined();
    await corrected.end('SIGTERM');
  });
});

describe('changed code', () => {
  const queue = 'changed';

  test('names recorded and produced step; survives SIGTERM and SIGKILL of the service; old code goes on', async () => {
    const first = await stage.worker(queue, 'before.ts');
    const handle = await stage.client.start(changing, stage.fresh(queue));
    await asleep(handle);
    await first.end('SIGTERM');
    const second = await stage.worker(queue, 'after.ts');
    // A query needs the state: the code is replayed.
    await expect(handle.query('where')).rejects.toThrow(/recorded.*|activity/s);
    await handle.signal('wake');
    await blockedAs(handle, 'NONDETERMINISM');
    const { blocked } = await handle.describe();
    expect(blocked?.failure?.message).toMatch(/event 3/);
    expect(blocked?.failure?.message).toMatch(/activity 1.*echo/s);
    expect(blocked?.failure?.message).toMatch(/timer 1/);
    // Where the recorded step stood in the code as it was, and where the other stands now.
    expect(blocked?.failure?.message).toMatch(/Recorded: .*before\.ts:\d+:\d+.* Produced: .*after\.ts:\d+/s);
    const listed: string[] = [];
    for await (const run of stage.client.list({ filter: "BlockedCause = 'NONDETERMINISM'" })) listed.push(run.workflowId);
    expect(listed).toEqual([handle.workflowId]);
    await stage.restart('SIGTERM');
    await blockedAs(handle, 'NONDETERMINISM', 4);
    await stage.restart('SIGKILL');
    await blockedAs(handle, 'NONDETERMINISM', 4);
    await second.end('SIGKILL');
    await stage.worker(queue, 'before.ts');
    await vi.waitUntil(async () => (await handle.describe()).blocked === undefined, patience);
    expect(await handle.query('where')).toBe('before');
    await handle.terminate();
  });
});
