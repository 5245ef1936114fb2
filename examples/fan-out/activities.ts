// What would fetch a page. Every tenth page needs a second attempt; one does not exist.
import { activityInfo } from '@perdure/sdk/activity';
import { ApplicationFailure } from '@perdure/sdk/workflow';

export async function countWords(page: string): Promise<number> {
  const number = Number(page.split('/').at(-1));
  if (number === 13) throw ApplicationFailure.nonRetryable(`there is no page ${page}`, 'NotFound');
  if (number % 10 === 0 && activityInfo().attempt === 1) throw new Error('the server is busy');
  return number;
}
