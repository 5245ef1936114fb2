// The mistake is corrected.
import { ApplicationFailure, condition, defineUpdate, setHandler, sleep } from '@perdure/sdk/workflow';

export async function handlerFails(): Promise<void> {
  setHandler(defineUpdate<string, [how: string]>('fail'), async (how) => {
    if (how === 'wait') await sleep('1h');
    if (how !== 'at once') await sleep(1);
    if (how === 'mistake') return 'corrected';
    throw new ApplicationFailure({ message: `no: ${how}`, type: 'Refused', details: [how] });
  });
  await condition(() => false);
}
