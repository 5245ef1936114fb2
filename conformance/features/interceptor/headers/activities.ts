// Knows nothing of headers; its interceptor does.
import { type ActivityInterceptor, ApplicationFailure } from '@perdure/sdk/activity';

export async function headersWork(what: string): Promise<string> {
  return what;
}

export const activityInterceptors: readonly ActivityInterceptor[] = [
  {
    async execute(input, next) {
      // Retried like an error of the activity's own code.
      if (input.info.attempt === 1 && input.args[0] === 'second')
        throw ApplicationFailure.create({ message: 'not yet', nextRetryDelay: 1 });
      return `${String(await next(input))} in ${input.headers.traceparent}`;
    },
  },
];
