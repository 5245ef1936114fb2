// Carries the trace of the start, then of the newest signal, to activities.
import type { WorkflowInterceptors } from '@perdure/sdk/workflow';

export function interceptors(): WorkflowInterceptors {
  let trace = '';
  return {
    inbound: {
      execute: async (input, next) => {
        trace = input.headers.traceparent ?? 'none';
        return await next(input);
      },
      handleSignal: (input, next) => {
        trace = input.headers.traceparent ?? 'none';
        return next({ ...input, args: [`signal of ${trace}`] });
      },
    },
    outbound: { scheduleActivity: (input, next) => next({ ...input, headers: { ...input.headers, traceparent: trace } }) },
  };
}
