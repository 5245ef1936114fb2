/** The user commands against `perdure dev`, each a real process. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Finished, freePort, type Program, runProgram, startNode, startProgram } from '../support/program.ts';

const WORKER = fileURLToPath(new URL('../../../examples/quickstart/worker.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('../../../examples/quickstart/client.ts', import.meta.url));

let dev: Program;
let env: Record<string, string>;

beforeAll(async () => {
  const port = await freePort();
  env = { PERDURE_ADDRESS: `127.0.0.1:${port}` };
  dev = startProgram(['dev', '--ephemeral', '--port', String(port)]);
  await dev.until(/serves on/);
  const declared = await runProgram(['namespace', 'update', 'default', '--search-attribute', 'city=keyword', '-o', 'json'], { env });
  expect([declared.code, declared.stderr]).toEqual([0, '']);
}, 60_000);

afterAll(async () => {
  const { code, stderr } = await dev.end('SIGINT');
  expect([code, stderr]).toEqual([0, '']);
}, 20_000);

const workflow = (...args: string[]): Promise<Finished> => runProgram(['workflow', ...args], { env });

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await workflow(...args, '-o', 'json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const startOrder = (id: string, ...more: string[]) => json('start', 'order', '--task-queue', 'nobody', '--id', id, ...more);

describe('without a worker', () => {
  test('a started run can be described, listed, counted and shown', async () => {
    const started = await startOrder('order-1', '--input', '{"cents":5}', '--memo', 'note="x"', '--search-attribute', 'city="Rome"');
    expect(started).toMatchObject({ workflowId: 'order-1', started: true });
    const described = await json('describe', 'order-1');
    expect(described).toMatchObject({
      workflowId: 'order-1',
      runId: started.runId,
      workflowType: 'order',
      taskQueue: 'nobody',
      status: 'Running',
      memo: { note: 'x' },
    });
    const listed = (await json('list', '--filter', "WorkflowId = 'order-1'")) as unknown as Record<string, unknown>[];
    expect(listed.map(({ runId, status }) => [runId, status])).toEqual([[started.runId, 'Running']]);
    expect(await json('count', '--filter', "city = 'Rome'")).toMatchObject({ count: 1 });
    expect(await json('count', '--filter', "WorkflowId = 'order-1'")).toMatchObject({ count: 1 });
    const shown = (await json('show', 'order-1')) as unknown as Record<string, unknown>[];
    expect(shown.map(({ id, type, input }) => [id, type, input])).toEqual([[1, 'WorkflowStarted', [{ cents: 5 }]]]);
  });

  test('a chain of runs can be started, and describe shows it', async () => {
    const started = await startOrder('nightly-1', '--cron', '@every 1s', '--retry-maximum-attempts', '3', '--run-timeout', '200ms');
    // Each attempt times out, for want of a worker; then the schedule goes on.
    const { code, stderr } = await workflow('result', 'nightly-1', '--run-id', String(started.runId), '--this-run');
    expect([code, stderr]).toEqual([1, 'workflow TimedOut: Run timeout\n']);
    const first = await json('describe', 'nightly-1', '--run-id', String(started.runId));
    expect(first).toMatchObject({ status: 'TimedOut', cronSchedule: '@every 1s', attempt: 1, newRunId: expect.stringMatching(/-/) });
    const { stdout } = await workflow('show', 'nightly-1', '--run-id', String(started.runId));
    expect(stdout).toContain(`next run ${first.newRunId}`);
    const next = await json('describe', 'nightly-1', '--run-id', String(first.newRunId));
    expect(next).toMatchObject({ firstRunId: started.runId, continuedFromRunId: started.runId, attempt: 2 });
    expect((await workflow('terminate', 'nightly-1')).code).toBe(0);
    const wrong = await workflow('start', 'order', '--task-queue', 'nobody', '--cron', '61 * * * *');
    expect(wrong.stderr).toContain('position 1, minute: "61" is not within 0 and 59');
  });

  test('tables are for people', async () => {
    await startOrder('order-2', '--input', '"a"', '--input', '2');
    const { stdout: list } = await workflow('list', '--filter', "WorkflowId = 'order-2'");
    expect(list).toMatch(
      /^STATUS {3,}WORKFLOW ID {2}TYPE {3}STARTED {19}CLOSED {2}RUN ID\nRunning {2}order-2 {6}order {2}\d{4}-\S+Z {2}- {7}\S{36}\n$/,
    );
    const { stdout: show } = await workflow('show', 'order-2');
    expect(show.split('\n')[1]).toMatch(/^1 {3}\S+Z {2}WorkflowStarted {2}order {2}"a", 2 {2}queue nobody$/);
    const { stdout: described } = await workflow('describe', 'order-2');
    expect(described).toMatch(/^workflow id +order-2$/m);
    expect(described).toMatch(/^note +.*no worker/im);
  });

  test('jsonl is one line per item', async () => {
    await startOrder('order-3');
    const { stdout } = await workflow('list', '-o', 'jsonl', '--limit', '2');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => Object.keys(JSON.parse(line))[0]),
    ).toEqual(expect.arrayContaining(['workflowId']));
  });

  test('signals and cancel requests are recorded; follow shows them until the end', async () => {
    const { runId } = await startOrder('order-4');
    const follow = startProgram(['workflow', 'show', 'order-4', '--follow', '-o', 'jsonl'], { env });
    await follow.until(/WorkflowStarted/);
    expect(await json('signal', 'order-4', 'paid', '--input', '5')).toEqual({ workflowId: 'order-4', runId });
    expect(await json('cancel', 'order-4', '--reason', 'changed my mind')).toEqual({ workflowId: 'order-4', cancelRequested: true });
    expect(await json('terminate', 'order-4', '--reason', 'enough')).toEqual({ workflowId: 'order-4', terminated: true });
    const { code, stdout } = await follow.finished;
    const types = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect([code, ...types]).toEqual([0, 'WorkflowStarted', 'WorkflowSignaled', 'WorkflowCancelRequested', 'WorkflowTerminated']);
    const result = await workflow('result', 'order-4');
    expect([result.code, result.stderr]).toEqual([1, 'workflow Terminated: enough\n']);
    const closed = await workflow('signal', 'order-4', 'late');
    expect([closed.code, closed.stderr]).toEqual([1, expect.stringContaining('(WORKFLOW_CLOSED)')]);
  });

  test('mistakes are told with exit codes', async () => {
    await startOrder('order-5');
    const again = await workflow('start', 'order', '--task-queue', 'nobody', '--id', 'order-5');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('(WORKFLOW_ALREADY_STARTED)')]);
    const nowhere = await workflow('describe', 'nowhere');
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('(WORKFLOW_NOT_FOUND)')]);
    const filter = await workflow('list', '--filter', 'Color = 1');
    expect([filter.code, filter.stderr]).toEqual([1, expect.stringContaining('(BAD_FILTER)')]);
    const namespace = await workflow('list', '--namespace', 'other');
    expect([namespace.code, namespace.stderr]).toEqual([1, expect.stringContaining('(NAMESPACE_NOT_FOUND)')]);
    const usage = await workflow('start', 'order', '--task-queue', 'q', '--run-timeout', 'soon');
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('--run-timeout: "soon" is not a duration')]);
    const timeout = await workflow('result', 'order-5', '--timeout', '200ms');
    expect([timeout.code, timeout.stderr]).toEqual([1, 'error: the workflow is still running after 200 ms\n']);
  });

  test('the same request id starts once', async () => {
    const requestId = '01900000-0000-7000-8000-000000000001';
    const first = await startOrder('order-6', '--request-id', requestId);
    const second = await startOrder('order-6', '--request-id', requestId);
    expect(second).toEqual({ ...first, started: false });
  });

  test('a second perdure dev on the port changes nothing', async () => {
    const port = env.PERDURE_ADDRESS?.split(':')[1] ?? '';
    const second = await runProgram(['dev', '--ephemeral', '--port', port]);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining(`port ${port} is in use`)]);
    expect((await workflow('list')).code).toBe(0);
  });
});

describe('with the worker of the quick start', () => {
  let worker: Program;

  beforeAll(async () => {
    worker = startNode([WORKER], { env });
    await worker.until(/polls the task queue/);
  });

  afterAll(async () => {
    expect((await worker.end('SIGTERM')).code).toBe(0);
  });

  test('start --wait prints the result', async () => {
    const { code, stdout, stderr } = await workflow(
      'start',
      'greet',
      '--task-queue',
      'quickstart',
      '--id',
      'hello-1',
      '--input',
      '"World"',
      '--wait',
    );
    expect([code, stdout, stderr]).toEqual([0, '"Hello, World!"\n', '']);
    const { stdout: show } = await workflow('show', 'hello-1');
    expect(show).toMatch(/TimerStarted {2,}timer 1 {2}after 2s/);
    expect(show).toMatch(/ActivityCompleted {2,}activity 1 {2}attempt 2 {2}"Hello, World!"/);
    const described = await json('describe', 'hello-1');
    expect(described).toMatchObject({ status: 'Completed', variables: { step: 'greeting' } });
  });

  test('the client of the quick start', async () => {
    const { code, stdout } = await startNode([CLIENT, 'you'], { env }).finished;
    expect([code, stdout.split('\n')[1]]).toEqual([0, 'Hello, you!']);
  });
});
