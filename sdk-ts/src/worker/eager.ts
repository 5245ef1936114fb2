/** Activity tasks that come in the answers of completions: the worker says how many it would take. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { Link } from './link.ts';

/** Where activity tasks in answers go. */
export interface EagerActivities {
  /** Takes slots for at most this many; how many. */
  reserve(most: number): number;
  take(tasks: readonly ActivityTask[], reserved: number): void;
}

/** The part of a request that offers room. */
export interface EagerOffer {
  readonly receivedAnswerIds: string[];
  readonly eagerActivitySlots: number;
  readonly eagerActivityQueues: string[];
}

/** Makes a call that offers room for the attempts these commands may cause, and takes what comes. */
export async function callWithRoom<R extends { answerId: string; activityTasks: ActivityTask[] }>(
  link: Link,
  eager: EagerActivities,
  commands: readonly (readonly Command[])[],
  call: (offer: EagerOffer) => Promise<R>,
): Promise<R> {
  const { receipts, taskQueue } = link;
  const scheduled = commands.flat().filter(({ attributes }) => attributes?.$case === 'scheduleActivity').length;
  const reserved = scheduled === 0 ? 0 : eager.reserve(scheduled);
  const receivedAnswerIds = receipts.take();
  try {
    const response = await call({ receivedAnswerIds, eagerActivitySlots: reserved, eagerActivityQueues: reserved > 0 ? [taskQueue] : [] });
    receipts.add(response.answerId);
    eager.take(response.activityTasks, reserved);
    return response;
  } catch (error) {
    receipts.giveBack(receivedAnswerIds);
    eager.take([], reserved);
    throw error;
  }
}
