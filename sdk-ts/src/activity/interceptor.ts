/** What interceptors of activities may surround. */
import type { Around, Headers } from '../common/interceptor.ts';
import type { ActivityInfo } from './context.ts';

export interface ActivityExecuteInput {
  readonly args: readonly unknown[];
  /** What the workflow's interceptors sent along. */
  readonly headers: Headers;
  readonly info: ActivityInfo;
}

/** Around attempts of activities, in the worker's own thread; the context of the attempt is there. */
export interface ActivityInterceptor {
  /** The function. */
  execute?: Around<ActivityExecuteInput, Promise<unknown>>;
}
