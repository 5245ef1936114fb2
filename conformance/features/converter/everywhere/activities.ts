// Says the word.
import { ApplicationFailure } from '@perdure/sdk/activity';

export async function convertedWork(word: string): Promise<string> {
  if (word === 'fail') throw ApplicationFailure.nonRetryable('xyzzy failed', 'Word', 'xyzzy');
  return `${word} done`;
}
