/** How attempts of activities get on and end; tasks that workers hand back. */
import type { ActivityName } from '@perdure/proto/perdure/api/v1/activity';
import type { FollowUp, WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import { MAX_BATCH_ITEMS } from '../core/limits.ts';
import { fromTimestamp } from '../core/time.ts';
import { badField, PerdureError, tooLarge } from '../errors.ts';
import type { ActivityAddress, EndAnswer, VerifiedEnd } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import { badToken, openToken } from '../tokens.ts';
import { activityRef } from './activity-operators.ts';
import type { Context, Frontend } from './call.ts';
import { checkCompletion, eagerRoom } from './completions.ts';
import { noError, toItemError, toPerdureError } from './item-error.ts';
import { activityToken, merge, passed, verifyEach } from './items.ts';
import { noteReceived } from './polls.ts';
import { checkText } from './text.ts';
import { checkItemText, eventLimitOf, limitPart, openBatch, requireWorker } from './validate.ts';

type ActivityRpcs = Pick<Frontend, 'completeActivityTasks' | 'heartbeatActivities' | 'returnTasks'>;
type Request = Parameters<Frontend['completeActivityTasks']>[0];
type Returned = Parameters<Context['history']['returnTasks']>[0][number];
type Heartbeats = Awaited<ReturnType<Frontend['heartbeatActivities']>>['results'];

/** CompleteActivityTasks, HeartbeatActivities and ReturnTasks. */
export function activityRpcs(context: Context): ActivityRpcs {
  return {
    completeActivityTasks: (request, call) => complete(context, request, call.abort),
    heartbeatActivities: async (request) => {
      noteReceived(context, request.receivedAnswerIds);
      const items = openBatch(request, 'heartbeats');
      const worker = requireWorker(request.worker);
      const namespace = await context.namespaces.find(request.namespace);
      const verified = verifyEach(context, items, (weighed) => {
        checkItemText(weighed);
        limitPart('details', weighed.item.details, weighed.bytes);
        return { token: addressOf(context, namespace, weighed.item), details: weighed.item.details };
      });
      const good = passed(verified);
      const answers = good.length === 0 ? [] : await context.history.heartbeatActivities(good, worker);
      const outcomes: Heartbeats = answers.map(({ answer, error }) => ({
        ...(answer ?? nothingToTell),
        error: error === undefined ? undefined : toItemError(toPerdureError(error, context)),
      }));
      return { results: merge(verified, outcomes, (error) => ({ ...nothingToTell, error: toItemError(error) })) };
    },
    returnTasks: (request) => returnTasks(context, request),
  };
}

const nothingToTell = { cancelRequested: false, paused: false, reset: false };

/** The attempt of a token, or the activity of a name: exactly one of them. */
function addressOf(
  context: Context,
  namespace: NamespaceRow,
  { token, activity }: { token: Uint8Array; activity: ActivityName | undefined },
): ActivityAddress {
  if (activity === undefined) return activityToken(context, namespace, token);
  if (token.length > 0) throw badField('activity', 'not together with token');
  return activityRef(namespace, activity);
}

async function complete(context: Context, request: Request, abort: AbortSignal): ReturnType<Frontend['completeActivityTasks']> {
  noteReceived(context, request.receivedAnswerIds);
  const items = openBatch(request, 'completions');
  const worker = requireWorker(request.worker);
  const eager = eagerRoom(request);
  const namespace = await context.namespaces.find(request.namespace);
  const verified = verifyEach(context, items, ({ item, bytes }): VerifiedEnd => {
    const { outcome, followUp } = item;
    checkItemText({ item: { ...item, followUp: undefined }, bytes });
    if (outcome === undefined) throw badField('outcome', 'one of completed, failed and canceled is required');
    limitPart(outcome.$case, outcome.value, bytes, eventLimitOf(namespace));
    return { token: addressOf(context, namespace, item), outcome, followUp: followUp && followUpOf(followUp, bytes, namespace) };
  });
  const good = passed(verified);
  const answer = good.length === 0 ? undefined : await context.history.completeActivities(namespace.name, good, worker, eager);
  const answerId = answer?.answerId ?? '';
  if (abort.aborted && answerId !== '') context.matching.undelivered(answerId);
  const ends = merge<VerifiedEnd, EndAnswer['ends'][number]>(verified, answer?.ends ?? [], (error) => ({ error, followUp: undefined }));
  return {
    errors: ends.map(({ error }) => (error === undefined ? noError() : toItemError(toPerdureError(error, context)))),
    followUps: items.some(({ item }) => item.followUp !== undefined) ? ends.map(({ followUp }) => followUp ?? leftOut) : [],
    answerId,
    activityTasks: answer?.activityTasks ?? [],
  };
}

const leftOut: WorkflowTaskResult = {
  outcome: { $case: 'error', value: toItemError(new PerdureError('STALE_TASK', 'there was no follow-up that could be taken')) },
};

/** Undefined when it cannot be taken: the end of the attempt is recorded all the same, and the task that follows shows what is wrong. */
function followUpOf({ startedTime, completion }: FollowUp, bytes: number, namespace: NamespaceRow): VerifiedEnd['followUp'] {
  if (completion === undefined) return undefined;
  try {
    checkCompletion({ item: completion, bytes }, namespace);
    return { startedAt: fromTimestamp(startedTime), completion };
  } catch (error) {
    if (error instanceof PerdureError) return undefined;
    throw error;
  }
}

/** The answer has no room for errors of items: the good ones go back, then the call fails with the first error. */
async function returnTasks(context: Context, request: Parameters<Frontend['returnTasks']>[0]): ReturnType<Frontend['returnTasks']> {
  checkText({ ...request, untouched: [], begun: [] });
  for (const field of ['untouched', 'begun'] as const) {
    if (request[field].length > MAX_BATCH_ITEMS) throw tooLarge(field, request[field].length, MAX_BATCH_ITEMS, 'items');
  }
  const worker = requireWorker(request.worker);
  const namespace = await context.namespaces.find(request.namespace);
  const verified = [
    ...verifyEach(context, [...request.untouched.entries()], ([index, bytes]) =>
      returned(context, namespace, bytes, false, `untouched[${index}]`),
    ),
    ...verifyEach(context, [...request.begun.entries()], ([index, bytes]) => returned(context, namespace, bytes, true, `begun[${index}]`)),
  ];
  const good = passed(verified);
  if (good.length > 0) await context.history.returnTasks(good, worker);
  for (const one of verified) if ('error' in one) throw one.error;
  return {};
}

function returned(context: Context, namespace: NamespaceRow, bytes: Uint8Array, begun: boolean, field: string): Returned {
  const opened = openToken(context.tokenKey, bytes, field);
  // Workflow code has no begin: a task of it either was completed or is untouched.
  if (opened.kind === 'page' || opened.token.namespaceId !== namespace.namespaceId) throw badToken(field);
  if (opened.kind === 'activityTask') return { activity: opened.token, begun };
  if (begun) throw badToken(field);
  return { workflow: opened.token, begun };
}
