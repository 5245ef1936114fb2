// Activities: ordinary functions that may do anything and may fail. Perdure tries them again until they succeed.
import { activityInfo } from '@perdure/sdk/activity';

export async function composeGreeting(name: string): Promise<string> {
  const { attempt } = activityInfo();
  // The first attempt fails, so that you see a retry in the history.
  if (attempt === 1) throw new Error('the greeting service is down');
  return `Hello, ${name}!`;
}
