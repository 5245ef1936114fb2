// Two steps whose second a worker never ends that the scenario plays.
import { proxyActivities, saga } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { sagaCanceledWork } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function sagaCanceled(taskQueue: string): Promise<void> {
  const { never } = proxyActivities<{ never(): Promise<void> }>({ startToCloseTimeout: '1m', cancellationType: 'try', taskQueue });
  await saga(async (undo) => {
    undo.addCompensation(() => sagaCanceledWork('undo one'));
    await sagaCanceledWork('one');
    undo.addCompensation(() => sagaCanceledWork('undo two'));
    await never();
  });
}
