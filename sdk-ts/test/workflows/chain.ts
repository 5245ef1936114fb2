// Runs that continue as new, and what they know of the runs before.

import {
  condition,
  continueAsNew,
  defineSignal,
  makeContinueAsNewFunc,
  setDefaultSignalHandler,
  setHandler,
  setWorkflowOptions,
  sleep,
  workflowInfo,
} from '@perdure/sdk/workflow';

const push = defineSignal<[value: string]>('push');

/** Goes on after two values; handlers are slow. */
export async function collects(values: string[] = []): Promise<string[]> {
  setHandler(push, async (value) => {
    values.push(value);
    if (value === 'slow') await sleep(1_000);
  });
  await condition(() => values.length >= 2);
  return continueAsNew<typeof collects>(values);
}

/** Has no handler. */
export async function goesOn(): Promise<void> {
  await sleep(1);
  continueAsNew<typeof goesOn>();
}

/** Everything may be different. */
export async function changes(): Promise<void> {
  const other = makeContinueAsNewFunc<typeof collects>({
    workflowType: 'collects',
    taskQueue: 'slow',
    runTimeout: '1h',
    taskTimeout: '20s',
    startDelay: '5s',
    memo: { color: 'red', size: undefined },
    searchAttributes: { region: 'eu', gone: undefined },
    retry: { maximumAttempts: 3 },
  });
  other(['a']);
}

/** A handler that tries it. */
export async function fromHandler(): Promise<void> {
  setDefaultSignalHandler(() => continueAsNew<typeof fromHandler>());
  await condition(() => false);
}

/** Does not wait for its handlers. */
export async function leaves(): Promise<void> {
  setWorkflowOptions({ awaitHandlers: false });
  setHandler(push, () => sleep(1_000));
  await sleep(1);
  continueAsNew<typeof leaves>();
}

/** What it knows of the runs before. */
export async function knows(): Promise<unknown> {
  const { attempt, firstRunId, continuedFromRunId, cronSchedule, lastResult, lastFailure, continueAsNewSuggested } = workflowInfo();
  const failure = lastFailure && `${lastFailure.name}: ${lastFailure.message}`;
  return [attempt, firstRunId, continuedFromRunId, cronSchedule, lastResult, failure, continueAsNewSuggested];
}
