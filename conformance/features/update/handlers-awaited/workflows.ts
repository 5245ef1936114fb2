// Main ends as soon as a handler has begun.
import { condition, defineUpdate, setHandler, setWorkflowOptions, sleep } from '@perdure/sdk/workflow';

export async function handlersAwaited(awaitHandlers: boolean): Promise<string> {
  let begun = false;
  setWorkflowOptions({ awaitHandlers });
  setHandler(defineUpdate<string>('end'), async () => {
    begun = true;
    await sleep(300);
    return 'finished';
  });
  await condition(() => begun);
  return 'main';
}
