/** Activities ended by a client. */
import { expect, test } from 'vitest';
import { setup } from '../../test/support/client.ts';
import { createScriptedApi, refusal } from '../../test/support/scripted-api.ts';
import { text } from '../../test/support/tasks.ts';
import { ActivityNotFoundError, ApplicationFailure, Client, type Payload, WorkflowNotFoundError } from './index.ts';

const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
const answered = (error = taken) => ({ errors: [error], followUps: [], answerId: '', activityTasks: [] });
const token = Buffer.from('token').toString('base64');
const names = { workflowId: 'w', activityId: 'a' };

test('a result by token, a failure by names, a cancellation with details', async () => {
  const { client, requests } = setup({ completeActivityTasks: () => answered() });
  await client.activity.complete(token, { paid: 5 });
  await client.activity.fail({ ...names, runId: 'r' }, ApplicationFailure.nonRetryable('no', 'Refused'));
  await client.activity.reportCancellation(names, ['half']);
  const sent = requests('completeActivityTasks').flatMap(({ completions }) => completions);
  expect(sent).toMatchObject([
    { activity: undefined, outcome: { $case: 'completed' } },
    { activity: { execution: { workflowId: 'w', runId: 'r' }, activityId: 'a' }, outcome: { $case: 'failed', value: { message: 'no' } } },
    { activity: { execution: { workflowId: 'w', runId: '' }, activityId: 'a' }, outcome: { $case: 'canceled' } },
  ]);
  expect(sent.map((one) => text(one.token))).toEqual(['token', '', '']);
  expect(requests('completeActivityTasks')[0]).toMatchObject({ eagerActivitySlots: 0, worker: { identity: 'tester' } });
});

test('a heartbeat tells what is wanted of the attempt', async () => {
  const wanted = { cancelRequested: true, paused: false, reset: true };
  const { client, requests } = setup({ heartbeatActivities: () => ({ results: [{ ...wanted, error: undefined }] }) });
  await expect(client.activity.heartbeat(token, 3)).resolves.toEqual(wanted);
  await client.activity.heartbeat(token);
  const beats = requests('heartbeatActivities').map(({ heartbeats }) => heartbeats[0]?.details);
  expect(beats.map((details) => details && text(details.data))).toEqual(['3', undefined]);
});

test('codecs see results and details', async () => {
  const { api, requests } = createScriptedApi({
    completeActivityTasks: () => answered(),
    heartbeatActivities: () => ({ results: [{ cancelRequested: false, paused: false, reset: false, error: undefined }] }),
  });
  const encode = async (payloads: readonly Payload[]): Promise<Payload[]> => payloads.map((one) => ({ ...one, encoding: 'hidden' }));
  const client = new Client({ connection: api, dataConverter: { codecs: [{ encode, decode: encode }] } });
  await client.activity.complete(token, 'secret');
  await client.activity.heartbeat(token, 'secret');
  const outcome = requests('completeActivityTasks')[0]?.completions[0]?.outcome;
  expect(outcome).toMatchObject({ value: { result: { encoding: 'hidden' } } });
  expect(requests('heartbeatActivities')[0]?.heartbeats[0]?.details?.encoding).toBe('hidden');
});

test('a refusal says why; one after a lost answer says that it may be our own', async () => {
  const gone = { ...taken, code: 5, reason: 'ACTIVITY_NOT_FOUND', message: 'the run has closed' };
  let lost = true;
  const { clock, client } = setup({
    completeActivityTasks: ({ completions }) => {
      if (completions[0]?.activity?.activityId === 'lost' && lost) {
        lost = false;
        throw refusal(14, '');
      }
      const unknown = { ...gone, reason: 'WORKFLOW_NOT_FOUND' };
      return answered(completions[0]?.activity?.execution?.workflowId === 'none' ? unknown : gone);
    },
    heartbeatActivities: () => ({ results: [{ cancelRequested: false, paused: false, reset: false, error: gone }] }),
  });
  const plain = await client.activity.complete(token).catch((error: unknown) => error);
  expect(plain).toBeInstanceOf(ActivityNotFoundError);
  expect(plain).toMatchObject({ message: 'the run has closed', reason: 'ACTIVITY_NOT_FOUND', perhapsByThisCall: false });
  await expect(client.activity.heartbeat(token)).rejects.toThrow(ActivityNotFoundError);
  await expect(client.activity.complete({ ...names, workflowId: 'none' })).rejects.toThrow(WorkflowNotFoundError);
  const repeated = client.activity.complete({ ...names, activityId: 'lost' }).catch((error: unknown) => error);
  await clock.advance(1_000);
  expect(await repeated).toMatchObject({ name: 'ActivityNotFoundError', perhapsByThisCall: true });
});

test('wrong arguments are named before anything is sent', async () => {
  const { client, calls } = setup({});
  await expect(client.activity.complete('')).rejects.toThrow('activity: must be a taskToken of activityInfo()');
  await expect(client.activity.fail('no token', 1)).rejects.toThrow('activity: must be a taskToken');
  await expect(client.activity.heartbeat({ workflowId: '', activityId: 'a' })).rejects.toThrow('workflowId: must not be empty');
  await expect(client.activity.complete({ workflowId: 'w', activityId: 5 as never })).rejects.toThrow(
    'activityId: must be text, not number',
  );
  await expect(client.activity.complete(token, 1n)).rejects.toThrow('result');
  expect(calls).toEqual([]);
});
