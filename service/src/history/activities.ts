/** What workers say of attempts: ends, heartbeats, tasks handed back. */
import type { Payload, WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import type { HeartbeatAnswer } from '../core/activity-attempts.ts';
import { toItemError } from '../core/item-error.ts';
import { PerdureError } from '../errors.ts';
import type { ActivityAddress, EagerRoom, EndAnswer, VerifiedEnd } from '../roles.ts';
import { act, settled } from './act.ts';
import { runOf, taken } from './completions.ts';
import type { History } from './context.ts';
import { answerIdOf, createGiven, createTaker, type Given } from './eager.ts';
import { detachQueries } from './queries.ts';
import { wantedRun } from './requests.ts';
import type { HotRun } from './run.ts';

/** One entry per end, in order; never rejects for one. */
export async function completeActivities(
  h: History,
  namespace: string,
  items: readonly VerifiedEnd[],
  worker: WorkerInfo,
  eager: EagerRoom,
): Promise<EndAnswer> {
  const given = createGiven(namespace, worker, eager);
  const ends = await Promise.all(items.map((item) => completeOne(h, item, given)));
  return { ends, answerId: answerIdOf(h, given), activityTasks: given.activityTasks };
}

async function completeOne(h: History, item: VerifiedEnd, given: Given): Promise<EndAnswer['ends'][number]> {
  const taker = item.followUp && createTaker(h, given, item.followUp.completion.sticky);
  let followUp: WorkflowTaskResult | undefined;
  const error = await taken(async () => {
    const run = await addressed(h, item.token);
    const input = { ...item, worker: given.worker };
    const answer = await afterCommit(h, run, () => act(h, run, 'completeActivity', input, 'owed', taker?.release));
    if (taker === undefined) return;
    followUp = { outcome: answer ? { $case: 'ok', value: await taker.accepted(run, answer) } : leftOut };
  });
  if (error !== undefined) taker?.giveUp();
  return { error, followUp };
}

/** The run of a report: that of the token, or the one a client means. */
function addressed(h: History, address: ActivityAddress): Promise<HotRun> {
  return 'activityId' in address ? wantedRun(h, address) : runOf(h, address);
}

const leftOut: WorkflowTaskResult['outcome'] = {
  $case: 'error',
  value: toItemError(new PerdureError('STALE_TASK', 'the follow-up was left out; forget the run and poll')),
};

/** Releases the answer, a refusal too, when everything it depends on is committed. */
async function afterCommit<T>(h: History, run: HotRun, body: () => T): Promise<T> {
  try {
    const answer = body();
    await settled(h, run);
    return answer;
  } catch (error) {
    if (error instanceof PerdureError && !run.dropped) await settled(h, run);
    throw error;
  }
}

/** One answer per heartbeat. */
export function heartbeatActivities(
  h: History,
  items: readonly { token: ActivityAddress; details: Payload | undefined }[],
  worker: WorkerInfo,
): Promise<{ answer: HeartbeatAnswer | undefined; error: Error | undefined }[]> {
  return Promise.all(
    items.map(async (item) => {
      let answer: HeartbeatAnswer | undefined;
      const error = await taken(async () => {
        const run = await addressed(h, item.token);
        answer = await afterCommit(h, run, () => act(h, run, 'heartbeat', { ...item, worker }));
      });
      return { answer, error };
    }),
  );
}

/** Tasks that go back. What cannot be taken back now is found by its timeout. */
export async function returnTasks(
  h: History,
  items: readonly { workflow?: WorkflowTaskToken; activity?: ActivityTaskToken; begun: boolean }[],
): Promise<void> {
  await Promise.all(
    items.map(({ workflow, activity, begun }) =>
      taken(async () => {
        if (workflow !== undefined) {
          const run = await runOf(h, workflow);
          act(h, run, 'undoTask', { nonce: workflow.nonce });
          detachQueries(h, run, workflow.nonce);
        } else if (activity !== undefined) {
          const run = await runOf(h, activity);
          act(h, run, 'returnActivity', { token: activity, begun });
          await settled(h, run);
        }
      }),
    ),
  );
}
