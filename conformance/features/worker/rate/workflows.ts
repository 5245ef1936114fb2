// Many at once.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { ratedWork } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function rated(): Promise<boolean> {
  const times = await Promise.all(Array.from({ length: 20 }, () => ratedWork()));
  times.sort((left, right) => left - right);
  return (times[19] ?? 0) - (times[0] ?? 0) >= 900;
}
