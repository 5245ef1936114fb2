/** What activity code uses: the running attempt, and the failures it may throw. */

export type { Duration } from '../common/duration.ts';
export { ApplicationFailure, type ApplicationFailureOptions, CancelledFailure, TimeoutFailure } from '../common/failure.ts';
export type { Around, Headers } from '../common/interceptor.ts';
export {
  type ActivityContext,
  type ActivityInfo,
  activityInfo,
  CompleteAsyncError,
  Context,
  cancellationSignal,
  completeAsync,
  heartbeat,
  sleep,
} from './context.ts';
export type { ActivityExecuteInput, ActivityInterceptor } from './interceptor.ts';
