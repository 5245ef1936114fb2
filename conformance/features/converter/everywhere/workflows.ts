// Says the word at every place there is.
import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  setVar,
  upsertMemo,
  workflowInfo,
} from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { convertedWork } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function converted(word: string): Promise<unknown> {
  let heard = '';
  setHandler(defineSignal<[word: string]>('say'), (said) => {
    heard = said;
  });
  setHandler(defineQuery<string, [suffix: string]>('ask'), (suffix) => word + suffix);
  setVar('word', word);
  upsertMemo({ second: word });
  const worked = await convertedWork(word);
  const failed = await convertedWork('fail').catch(
    (error: Error) => ((error.cause as ApplicationFailure).details[0] as string) + (error.cause as Error).message,
  );
  await condition(() => heard !== '');
  if (heard === 'fail') throw ApplicationFailure.nonRetryable(`not ${word}`, 'Word', word);
  return [worked, failed, heard, workflowInfo().memo];
}
