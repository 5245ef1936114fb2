// Learns values from its process, and tells them.
import { condition, defineQuery, defineSignal, setHandler, sideEffect } from '@perdure/sdk/workflow';

const learned = defineQuery<unknown>('learned');
const go = defineSignal('go');

/** What the worker's process has counted: something replay must not see. */
let asked = 0;

function refused(fn: () => unknown): string {
  try {
    return String(sideEffect(fn));
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

export async function sideEffectOnce(): Promise<unknown[]> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  const first = sideEffect(() => {
    asked += 1;
    return { asked, chance: Math.random() };
  });
  setHandler(learned, () => first);
  await condition(() => gone, '1h');
  const failed = refused(() => {
    throw new Error('no setting of this name');
  });
  return [failed, refused(() => Promise.resolve(1)), sideEffect(() => 'second')];
}
