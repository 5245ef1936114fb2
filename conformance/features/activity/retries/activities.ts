// An activity that fails until the attempt it is told.
import { activityInfo } from '@perdure/sdk/activity';

export async function retriesFlaky(succeedAt: number): Promise<number> {
  const { attempt } = activityInfo();
  if (attempt < succeedAt) throw new RangeError(`attempt ${attempt} is too early`);
  return attempt;
}
