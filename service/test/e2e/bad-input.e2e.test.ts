/** Hostile and mistaken input over the wire, by the SDK, on the command line and in workers: each a clear error, and the service lives on. */
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { credentials, Client as GrpcClient } from '@grpc/grpc-js';
import { PollWorkflowTasksRequest } from '@perdure/proto/perdure/api/v1/worker_service';
import { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram, startNode } from '../support/program.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { fine } from './hard/before.ts';

const WORKER = fileURLToPath(new URL('./hard/worker.ts', import.meta.url));
const MiB = 1024 * 1024;

let stage: Stage;
let grpc: GrpcClient;
let ids = 0;

beforeAll(async () => {
  stage = await setStage();
  await stage.worker('good', 'before.ts');
  grpc = new GrpcClient(stage.address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
}, 60_000);

afterAll(async () => {
  // After all that: it still works, and said nothing about trouble of its own.
  expect(await stage.client.execute(fine, { ...stage.fresh('good'), args: [7] })).toBe(7);
  expect([stage.dev.child.exitCode, stage.dev.stderr()]).toEqual([null, '']);
  grpc.close();
  await stage.close();
}, 60_000);

const seconds = (count: number | bigint, nanos = 0) => ({ seconds: BigInt(count), nanos });
const payload = (bytes: number) => ({ encoding: 'json/plain', data: Buffer.alloc(bytes, 0x20), metadata: {} });
const keyword = (value: string) => ({ value: { $case: 'keyword' as const, value } });
const keys = <T>(count: number, value: T): Record<string, T> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));

describe('start options out of range', () => {
  const cases: [options: Partial<StartWorkflowRequest>, reason: string, message: RegExp][] = [
    ...(['runTimeout', 'executionTimeout', 'taskTimeout', 'startDelay'] as const).flatMap(
      (field): [Partial<StartWorkflowRequest>, string, RegExp][] => {
        const name = field.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`);
        return [
          [{ [field]: seconds(-1) }, 'BAD_FIELD', new RegExp(`^${name}: is negative`)],
          [{ [field]: seconds(2n ** 63n - 1n) }, 'BAD_FIELD', new RegExp(`^${name}: 9223372036854775807 s, the limit is \\d+ s`)],
          [{ [field]: seconds(1, 2_000_000_000) }, 'BAD_FIELD', new RegExp(`^${name}: is malformed`)],
        ];
      },
    ),
    [{ taskTimeout: seconds(121) }, 'BAD_FIELD', /^task_timeout: 121 s, the limit is 120 s/],
    [{ conflictPolicy: 99 as never }, 'BAD_FIELD', /^conflict_policy: 99/],
    [{ reusePolicy: -1 as never }, 'BAD_FIELD', /^reuse_policy: -1/],
    ...(['workflowId', 'workflowType', 'taskQueue'] as const).flatMap((field): [Partial<StartWorkflowRequest>, string, RegExp][] => {
      const name = field.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`);
      return [
        [{ [field]: '' }, 'BAD_FIELD', new RegExp(`^${name}: is required`)],
        [{ [field]: 'ü'.repeat(501) }, 'TOO_LARGE', new RegExp(`^${name}: 1002 bytes, the limit is 1000`)],
        [{ [field]: 'a\0b' }, 'BAD_FIELD', new RegExp(`^${name}: holds the character U\\+0000`)],
      ];
    }),
    [{ identity: 'x'.repeat(4_097) }, 'TOO_LARGE', /^identity: 4097 bytes, the limit is 4096/],
    [{ identity: '\0' }, 'BAD_FIELD', /^identity: holds the character U\+0000/],
    [{ requestId: 'first' }, 'BAD_FIELD', /^request_id: "first" is not a UUIDv7/],
    [{ namespace: 'elsewhere' }, 'NAMESPACE_NOT_FOUND', /"elsewhere"/],
    [{ input: [payload(2 * MiB), payload(1)] }, 'TOO_LARGE', /^input: \d+ bytes, the limit is 2097152/],
    [{ input: [payload(5 * MiB)] }, 'TOO_LARGE', /^request: \d+ bytes, the limit is 4194304/],
    [{ input: [{ ...payload(1), encoding: '\0' }] }, 'BAD_FIELD', /^input\[0\]\.encoding: holds/],
    [{ memo: { 'a\0': payload(1) } }, 'BAD_FIELD', /^memo\["a\\u0000"\]: the key holds/],
    [{ memo: { a: payload(2 * MiB) } }, 'TOO_LARGE', /^memo: \d+ bytes/],
    [{ searchAttributes: keys(101, keyword('x')) }, 'TOO_LARGE', /^search_attributes: 101 keys, the limit is 100/],
    [{ searchAttributes: { k: keyword('x'.repeat(2_049)) } }, 'TOO_LARGE', /^search_attributes\["k"\]: \d+ bytes, the limit is 2048/],
    [{ searchAttributes: keys(30, keyword('x'.repeat(2_000))) }, 'TOO_LARGE', /^search_attributes: \d+ bytes, the limit is 40960/],
    [{ searchAttributes: { k: { value: { $case: 'double', value: Number.NaN } } } }, 'BAD_FIELD', /^search_attributes\["k"\]: NaN/],
    [{ searchAttributes: { k: { value: undefined } } }, 'BAD_FIELD', /^search_attributes\["k"\]: has no value/],
  ];

  test.each(cases)('%# %o: %s', async (options, reason, message) => {
    const request = StartWorkflowRequest.create({ workflowId: `s-${++ids}`, workflowType: 't', taskQueue: 'nobody', ...options });
    await expect(stage.client.api.startWorkflow(request)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
    // In a batch only this one is refused. (Those with a namespace of their own make the batch contradictory.)
    if (options.namespace !== undefined || (options.input?.[0]?.data.length ?? 0) > 4 * MiB) return;
    const good = StartWorkflowRequest.create({ workflowId: `g-${++ids}`, workflowType: 't', taskQueue: 'nobody' });
    const { results } = await stage.client.api.startWorkflows({ namespace: '', items: [request, good] });
    expect(results.map(({ outcome }) => (outcome?.$case === 'error' ? outcome.value.reason : outcome?.$case))).toEqual([reason, 'ok']);
  });
});

describe('bytes that are no request', () => {
  const START = '/perdure.api.v1.WorkflowService/StartWorkflow';
  const send = (path: string, bytes: Buffer): Promise<{ code: number; details: string } | undefined> =>
    new Promise((resolve) =>
      grpc.makeUnaryRequest(
        path,
        (same: Buffer) => same,
        (same: Buffer) => same,
        bytes,
        { deadline: Date.now() + 10_000 },
        (error) => resolve(error ?? undefined),
      ),
    );

  test.each<[string, string, Buffer, number, RegExp]>([
    ['garbage', START, Buffer.from([0xff, 0xff, 0xff]), 3, /not a protobuf message/],
    ['a cut message', START, Buffer.from([0x12, 0x50, 0x41]), 3, /not a protobuf message/],
    ['half a surrogate pair as bytes', START, Buffer.from([0x12, 3, 0xed, 0xa0, 0x80, 0x1a, 1, 0x41, 0x22, 1, 0x41]), 3, /utf-8/],
    ['endless nesting', START, Buffer.alloc(4_000_000, 0x0b), 3, /not a protobuf message/],
    ['nothing', START, Buffer.alloc(0), 3, /workflow_id: is required/],
    ['more than the transport takes', START, Buffer.alloc(9 * MiB), 8, /larger than max/],
    ['an unknown method', '/perdure.api.v1.WorkflowService/Nope', Buffer.alloc(0), 12, /does not implement/],
  ])('%s', async (_, path, bytes, code, message) => {
    expect(await send(path, bytes)).toMatchObject({ code, details: expect.stringMatching(message) });
  });

  test('what is no HTTP/2 at all is hung up on', async () => {
    const [host = '', port = ''] = stage.address.split(':');
    const socket = connectSocket(Number(port), host);
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    await once(socket.resume(), 'close');
  });
});

describe('tokens', () => {
  const worker = { workerId: 'forger', identity: '', buildId: '', sdkName: '', sdkVersion: '' };
  const poll = (taskQueue: string) =>
    stage.client.api.pollWorkflowTasks(PollWorkflowTasksRequest.create({ taskQueue, worker, maxTasks: 10, waitTimeout: seconds(5) }));
  const complete = async (token: Uint8Array): Promise<string | undefined> => {
    const completion = { token, commands: [], queryResults: [], variables: {}, newFlags: [], forceNewTask: false, sticky: false };
    const { results } = await stage.client.api.completeWorkflowTasks({
      namespace: '',
      worker,
      completions: [{ ...completion, rejectedUpdates: [], waitingForHandlers: false }],
      eagerActivitySlots: 0,
      eagerActivityQueues: [],
      receivedAnswerIds: [],
    });
    const [{ outcome } = { outcome: undefined }] = results;
    return outcome?.$case === 'error' ? outcome.value.reason : outcome?.$case;
  };

  test('invented, changed, cut, foreign and used ones are refused', async () => {
    await stage.client.start('t', stage.fresh('tokens'));
    const [task] = (await poll('tokens')).tasks;
    const token = task?.token ?? new Uint8Array(0);
    const forged = [Buffer.from('forged'), Buffer.alloc(0), Buffer.alloc(100_000, 1), token.subarray(0, -1)];
    for (let at = 0; at < token.length; at += 7) forged.push(Buffer.from(token.map((byte, index) => (index === at ? byte ^ 1 : byte))));
    for (const each of forged) expect(await complete(each)).toBe('BAD_TOKEN');
    const heartbeats = [{ token, details: undefined, activity: undefined }];
    const { results } = await stage.client.api.heartbeatActivities({ namespace: '', worker, heartbeats, receivedAnswerIds: [] });
    expect(results[0]?.error?.reason).toBe('BAD_TOKEN');
    expect(await complete(token)).toBe('ok');
    expect(await complete(token)).toBe('ok');
    await stage.client.getHandle(task?.execution?.workflowId ?? '').terminate();
    expect(await complete(token)).toMatch(/^(ok|STALE_TASK)$/);
  });
});

describe('on the command line', () => {
  test.each<[string[], number, RegExp]>([
    [['workflow', 'start', 't'], 2, /--task-queue/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--input', '{broken'], 2, /--input: \{broken is not JSON/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--input-file', '/nowhere'], 2, /--input-file: cannot read \/nowhere/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--start-delay', '-5s'], 2, /--start-delay/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--task-timeout', '3m'], 1, /task_timeout: 180 s, the limit is 120 s/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--memo', 'novalue'], 2, /--memo: "novalue" is not key=json/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--search-attribute', 'k={}'], 2, /--search-attribute: k must be/],
    [['workflow', 'start', 't', '--task-queue', 'q', '--conflict-policy', 'maybe'], 2, /--conflict-policy: "maybe" is not allowed/],
    [['workflow', 'start', 't', '--task-queue', 'x'.repeat(1_001)], 1, /task_queue: 1001 bytes/],
    [['workflow', 'list', '--limit', '0'], 2, /--limit: "0" is not a whole number/],
    [['workflow', 'list', '-o', 'xml'], 2, /xml/],
    [['workflow', 'describe', 'a', '--run-id', 'b'], 1, /run_id: "b" is not a UUID/],
    [['workflow', 'frobnicate'], 2, /unknown command/],
    [['workflow', 'list', '--address', 'not an address'], 1, /not an address|address/],
  ])('%j', async (args, code, message) => {
    const finished = await runProgram(args, { env: { PERDURE_ADDRESS: stage.address } });
    expect([finished.code, finished.stderr]).toEqual([code, expect.stringMatching(message)]);
    // Errors of users are no stack traces.
    expect(finished.stderr).not.toMatch(/^ {4}at /m);
  });
});

describe('workers that cannot begin', () => {
  test.each<[string, string, object, RegExp]>([
    ['code that throws when it is evaluated', 'broken/throws.ts', {}, /throws\.ts:3:\d+/],
    ['code that imports what it must not', 'broken/node-import.ts', {}, /node-import\.ts:2:\d+: workflow code cannot import "node:fs"/],
    ['code without a workflow', 'broken/nothing.ts', {}, /nothing\.ts export no function/],
    ['a file that is not there', 'broken/absent.ts', {}, /absent\.ts does not exist/],
    ['a wrong option', 'before.ts', { polls: 9 }, /polls: 9 is not a whole number from 1 to 4/],
  ])('%s', async (_, file, options, message) => {
    const { code, stderr } = await startNode([WORKER, stage.address, 'q', file, JSON.stringify(options)]).finished;
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  test('a namespace that does not exist is told again and again, not died of', async () => {
    const worker = startNode([WORKER, stage.address, 'q', 'before.ts', '{"namespace":"elsewhere"}']);
    await worker.until(/namespace "elsewhere" does not exist/);
    expect((await worker.end('SIGTERM')).code).toBe(0);
  });
});
