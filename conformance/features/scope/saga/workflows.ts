// Three bookings or none.
import { proxyActivities, saga } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { sagaBook, sagaUndo } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '1ms', maximumAttempts: 2 },
});

export async function sagaTrip(fails: string, stuck: string): Promise<void> {
  await saga(async (undo) => {
    for (const part of ['flight', 'hotel', 'car']) {
      undo.addCompensation(() => sagaUndo(part, part === stuck));
      await sagaBook(part, part === fails);
    }
  });
}

export async function sagaMistake(): Promise<void> {
  await saga(async (undo) => {
    undo.addCompensation(() => sagaUndo('flight', false));
    await sagaBook('flight', false);
    throw new TypeError('a mistake in the code');
  });
}
