/** Namespaces as callers see them: settings, rates, payload limits, declared search attributes. */
import {
  CreateNamespaceRequest,
  DescribeNamespaceRequest,
  ListNamespacesRequest,
  NamespaceState,
  SearchAttributeType,
  UpdateNamespaceRequest,
} from '@perdure/proto/perdure/api/v1/namespace';
import { CompleteWorkflowTasksRequest, PollWorkflowTasksRequest } from '@perdure/proto/perdure/api/v1/worker_service';
import {
  ListWorkflowsRequest,
  SignalWorkflowRequest,
  StartWorkflowRequest,
  StartWorkflowsRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { call, createFrontendWorld, type FrontendWorld, worker, workflowTokenBytes } from '../../test/support/frontend-world.ts';

const { KEYWORD, INT, DOUBLE } = SearchAttributeType;

const create = (world: FrontendWorld, fields: object) => world.frontend.createNamespace(CreateNamespaceRequest.fromPartial(fields), call);
const update = (world: FrontendWorld, fields: object) => world.frontend.updateNamespace(UpdateNamespaceRequest.fromPartial(fields), call);
const start = (world: FrontendWorld, fields: object) =>
  world.frontend.startWorkflow(StartWorkflowRequest.fromPartial({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields }), call);
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
const payload = (bytes: number) => ({ encoding: 'b', data: new Uint8Array(bytes), metadata: {} });

test('a namespace is created as asked, changed where asked, listed by name', async () => {
  const world = createFrontendWorld();
  const { namespace } = await create(world, { name: 'team', labels: { a: '1', b: '2' }, searchAttributes: { Customer: KEYWORD } });
  expect(namespace).toMatchObject({
    name: 'team',
    state: NamespaceState.ACTIVE,
    retention: seconds(7 * 86_400),
    description: '',
    labels: { a: '1' },
  });
  await update(world, { name: 'team', description: 'pays', labels: { c: '3' }, removeLabels: ['a'], retention: seconds(3_600) });
  await update(world, {
    name: 'team',
    owner: 'me',
    searchAttributes: { Amount: DOUBLE, Customer: KEYWORD },
    limits: { requestsPerSecond: 5 },
  });
  const { namespace: now } = await world.frontend.describeNamespace(DescribeNamespaceRequest.fromPartial({ name: 'team' }), call);
  expect(now).toMatchObject({
    ...{ description: 'pays', owner: 'me', labels: { b: '2', c: '3' }, retention: seconds(3_600) },
    ...{ searchAttributes: { Customer: KEYWORD, Amount: DOUBLE }, limits: { requestsPerSecond: 5, eventPayloadBytes: 0n } },
  });
  const list = (fields: object) => world.frontend.listNamespaces(ListNamespacesRequest.fromPartial(fields), call);
  const first = await list({ pageSize: 2 });
  const second = await list({ pageSize: 2, pageToken: first.nextPageToken });
  expect([...first.namespaces, ...second.namespaces].map((one) => one.name)).toEqual(['default', 'spare', 'team']);
  expect(second.nextPageToken).toHaveLength(0);
  const { nextPageToken } = await world.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({ pageSize: 1 }), call);
  if (nextPageToken.length > 0) await expect(list({ pageToken: nextPageToken })).rejects.toMatchObject({ reason: 'BAD_TOKEN' });
  await expect(create(world, { name: 'team' })).rejects.toMatchObject({ reason: 'NAMESPACE_EXISTS', metadata: { namespace: 'team' } });
});

const many = (count: number, value: unknown) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));

test.each([
  [{ name: '' }, 'BAD_FIELD name: "" is none'],
  [{ name: 'Team' }, 'BAD_FIELD name: "Team" is none: use a-z, 0-9'],
  [{ name: 'x'.repeat(201) }, 'TOO_LARGE name: 201 characters, the limit is 200'],
  [{ name: 'x', retention: seconds(3_599) }, 'BAD_FIELD retention: 3599 s, the least is 3600 s'],
  [{ name: 'x', retention: seconds(1e9) }, 'BAD_FIELD retention: 1000000000 s, the limit is 315619200 s'],
  [{ name: 'x', description: 'x'.repeat(4_097) }, 'TOO_LARGE description: 4097 bytes, the limit is 4096'],
  [{ name: 'x', labels: many(101, '') as Record<string, string> }, 'TOO_LARGE labels: 101 keys, the limit is 100'],
  [{ name: 'x', labels: { a: 'x'.repeat(16_384) } }, 'TOO_LARGE labels: 16385 bytes, the limit is 16384'],
  [{ name: 'x', limits: { requestsPerSecond: -1 } }, 'BAD_FIELD limits.requests_per_second: -1 is not within'],
  [{ name: 'x', limits: { requestsPerSecond: Number.NaN } }, 'BAD_FIELD limits.requests_per_second: NaN is not within'],
  [{ name: 'x', limits: { eventPayloadBytes: 2_097_153n } }, 'TOO_LARGE limits.event_payload_bytes: 2097153 bytes, the limit is 2097152'],
  [{ name: 'x', searchAttributes: { status: KEYWORD } }, 'BAD_FIELD search_attributes["status"]: the name has a meaning in filters'],
  [{ name: 'x', searchAttributes: { Order: KEYWORD } }, 'BAD_FIELD search_attributes["Order"]: the name has a meaning in filters'],
  [{ name: 'x', searchAttributes: { 'a b': KEYWORD } }, 'BAD_FIELD search_attributes["a b"]: the name must be letters'],
  [{ name: 'x', searchAttributes: { a: 99 as never } }, 'BAD_FIELD search_attributes["a"]: 99 is no type'],
  [{ name: 'x', searchAttributes: many(201, INT) as Record<string, never> }, 'TOO_LARGE search_attributes: 201 keys, the limit is 200'],
  [{ name: 'x', searchAttributes: { ['x'.repeat(201)]: INT } }, 'TOO_LARGE search_attributes["xxx'],
])('R-LIMIT-1: refused %#', async (fields, problem) => {
  const refusal = await create(createFrontendWorld(), fields).then(
    () => 'accepted',
    (error: { reason: string; message: string }) => `${error.reason} ${error.message}`,
  );
  expect(refusal).toContain(problem);
});

test('R-VIS-3: attributes are declared with a type that stays; others are refused, naming them', async () => {
  const world = createFrontendWorld();
  await create(world, { name: 'team', searchAttributes: { Customer: KEYWORD, Amount: DOUBLE, Items: INT } });
  await expect(update(world, { name: 'team', searchAttributes: { Customer: INT } })).rejects.toThrow(
    'is declared as keyword and cannot become int',
  );
  const set = (searchAttributes: Record<string, never | object>) => start(world, { namespace: 'team', searchAttributes });
  await set({ Customer: { value: { $case: 'keyword', value: 'c' } }, Amount: { value: { $case: 'int', value: 2n } } });
  await expect(set({ Customer: { value: { $case: 'int', value: 2n } } })).rejects.toThrow(
    'search_attributes["Customer"]: is a int, but declared as keyword',
  );
  await expect(set({ Items: { value: { $case: 'double', value: 2.5 } } })).rejects.toThrow(
    'search_attributes["Items"]: is a double, but declared as int',
  );
  await expect(set({ Items: { value: { $case: 'int', value: 2n ** 53n } } })).rejects.toThrow('is not within 2^53 - 1');
  await expect(set({ City: { value: { $case: 'keyword', value: 'Ulm' } } })).rejects.toMatchObject({
    reason: 'BAD_FIELD',
    message: 'search_attributes["City"]: is not declared in namespace "team"; declare it with UpdateNamespace',
  });
});

test('R-NS-2: what another node has declared is seen at once by who needs it, other changes within 5 s', async () => {
  const world = createFrontendWorld();
  const city = { City: { value: { $case: 'keyword' as const, value: 'Ulm' } } };
  const filter = ListWorkflowsRequest.fromPartial({ filter: "City = 'Ulm'" });
  await start(world, {});
  await world.env.advance(300);
  // Another node writes: this one is not told.
  const row = world.database.namespaces.get('default');
  if (row === undefined) throw new Error('not there');
  const searchAttributes = { ...row.config.searchAttributes, City: 'keyword' as const };
  world.database.namespaces.set('default', { ...row, version: 1, retentionMs: 3_600_000, config: { ...row.config, searchAttributes } });
  await start(world, { searchAttributes: city });
  await world.frontend.listWorkflows(filter, call);
  const { frontend } = world;
  const upsert = { attributes: { $case: 'upsertProperties' as const, value: { memo: {}, searchAttributes: { Town: city.City } } } };
  const complete = CompleteWorkflowTasksRequest.fromPartial({ worker, completions: [{ token: workflowTokenBytes(), commands: [upsert] }] });
  const refused = (await frontend.completeWorkflowTasks(complete, call)).results[0]?.outcome;
  expect(refused?.$case === 'error' && refused.value.metadata.field).toBe('commands[0].upsert_properties.search_attributes["Town"]');
  world.database.namespaces.set('default', {
    ...row,
    version: 2,
    config: { ...row.config, searchAttributes: { ...searchAttributes, Town: 'keyword' } },
  });
  await world.env.advance(300);
  // The first try makes the node read again, the next one passes.
  await frontend.completeWorkflowTasks(complete, call);
  expect((await frontend.completeWorkflowTasks(complete, call)).results[0]?.outcome?.$case).toBe('ok');
  world.database.namespaces.set('default', { ...row, version: 3, retentionMs: 7_200_000 });
  await world.env.advance(5_001);
  await start(world, {});
  expect(world.asked.at(-1)?.args[0]).toMatchObject({ retentionMs: 7_200_000 });
});

test('R-NS-6: clients are held to the rate of their namespace, each item of a batch counting one; workers are not', async () => {
  const world = createFrontendWorld();
  await create(world, { name: 'team', limits: { requestsPerSecond: 4 } });
  const batch = (count: number) =>
    world.frontend.startWorkflows(
      StartWorkflowsRequest.fromPartial({
        namespace: 'team',
        items: Array.from({ length: count }, (_, i) => ({ workflowId: `w${i}`, workflowType: 't', taskQueue: 'q' })),
      }),
      call,
    );
  // The first call of all is not counted: the limit is read with it.
  await start(world, { namespace: 'team' });
  await batch(3);
  await start(world, { namespace: 'team' });
  await expect(start(world, { namespace: 'team' })).rejects.toMatchObject({ reason: 'RATE_LIMITED', code: 8, retryAfterMs: 250 });
  await start(world, {});
  const poll = PollWorkflowTasksRequest.fromPartial({ namespace: 'team', taskQueue: 'q', worker, maxTasks: 1, waitTimeout: seconds(0) });
  for (let i = 0; i < 10; i += 1) await world.frontend.pollWorkflowTasks(poll, call);
  await world.env.advance(250);
  await start(world, { namespace: 'team' });
  // A batch larger than the burst passes when nothing else did, and is paid for by waiting.
  await world.env.advance(1_000);
  await batch(8);
  await expect(batch(1)).rejects.toMatchObject({ reason: 'RATE_LIMITED', retryAfterMs: 1_250 });
  await update(world, { name: 'team', limits: { requestsPerSecond: 0 } });
  for (let i = 0; i < 20; i += 1) await start(world, { namespace: 'team' });
});

test('R-NS-7: payloads of one event are held to the limit of their namespace', async () => {
  const world = createFrontendWorld();
  await create(world, { name: 'team', limits: { eventPayloadBytes: 1_000n } });
  await start(world, { namespace: 'team', input: [payload(900)] });
  const large = { reason: 'TOO_LARGE', metadata: { limit: '1000' } };
  await expect(start(world, { namespace: 'team', input: [payload(1_001)] })).rejects.toMatchObject(large);
  await start(world, { input: [payload(1_001)] });
  const signal = { namespace: 'team', execution: { workflowId: 'w' }, signalName: 's', input: [payload(1_001)] };
  await expect(world.frontend.signalWorkflow(SignalWorkflowRequest.fromPartial(signal), call)).rejects.toMatchObject(large);
  const { namespaceId } = world.database.namespaces.get('team') ?? { namespaceId: '' };
  const result = { attributes: { $case: 'completeWorkflow' as const, value: { result: payload(1_001) } } };
  const completions = [{ token: workflowTokenBytes(namespaceId), commands: [result] }];
  const request = CompleteWorkflowTasksRequest.fromPartial({ namespace: 'team', worker, completions });
  const [answer] = (await world.frontend.completeWorkflowTasks(request, call)).results;
  expect(answer?.outcome?.$case === 'error' && answer.outcome.value.metadata).toMatchObject({
    limit: '1000',
    field: 'commands[0].complete_workflow',
  });
});
