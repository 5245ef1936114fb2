// For all types but one.
import { activityInfo } from '@perdure/sdk/activity';

export async function ownActivity(): Promise<string> {
  return 'own';
}

export default async function anyActivity(...args: unknown[]): Promise<unknown> {
  return [activityInfo().activityType, args];
}
