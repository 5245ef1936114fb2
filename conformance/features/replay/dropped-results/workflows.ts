// A workflow that stops waiting for an activity, which ends all the same.
import {
  type ActivityCancellationType,
  CancellationScope,
  condition,
  defineSignal,
  executeActivity,
  isCancellation,
  setHandler,
} from '@perdure/sdk/workflow';

const leave = defineSignal('leave');
const end = defineSignal('end');

export async function droppedResults(taskQueue: string, cancellationType: ActivityCancellationType): Promise<string[]> {
  const told: string[] = [];
  let left = false;
  let ended = false;
  setHandler(leave, () => {
    left = true;
  });
  setHandler(end, () => {
    ended = true;
  });
  const scope = new CancellationScope();
  const waiting = scope
    .run(() => executeActivity('slow', { taskQueue, startToCloseTimeout: '1m', cancellationType }))
    .then(
      (value) => told.push(`result ${value}`),
      (error) => told.push(isCancellation(error) ? 'left' : `failure ${error}`),
    );
  await condition(() => left);
  scope.cancel();
  await waiting;
  await condition(() => ended);
  return told;
}
