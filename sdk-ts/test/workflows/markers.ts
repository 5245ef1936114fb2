// Side effects and patches; the versions of one workflow are exported under names of their own.

import { deprecatePatch, executeActivity, patched, sideEffect, sleep, uuid4 } from '@perdure/sdk/workflow';

const work = (name: string): Promise<unknown> => executeActivity(name, { startToCloseTimeout: '1m' });

/** What the worker's process has counted: something replay must not see. */
let asked = 0;

export async function effects(): Promise<unknown> {
  const first = sideEffect(() => {
    asked += 1;
    return { asked, random: Math.random() };
  });
  const id = uuid4();
  await sleep(1000);
  return [first, id, sideEffect(() => 'second')];
}

export async function noEffects(): Promise<unknown> {
  await sleep(1000);
  return 0;
}

export async function asyncEffect(): Promise<unknown> {
  return sideEffect(() => Promise.resolve(1));
}

export async function writingEffect(): Promise<unknown> {
  return sideEffect(() => sleep(1));
}

/** The first version, without a patch. */
export async function before(): Promise<unknown> {
  for (let round = 0; round < 2; round += 1) await work('old');
  return 'done';
}

export async function changed(): Promise<unknown> {
  for (let round = 0; round < 2; round += 1) await work(patched('new way') ? 'new' : 'old');
  return patched('new way');
}

export async function deprecated(): Promise<unknown> {
  deprecatePatch('new way');
  for (let round = 0; round < 2; round += 1) await work('new');
  return true;
}

export async function after(): Promise<unknown> {
  for (let round = 0; round < 2; round += 1) await work('new');
  return true;
}
