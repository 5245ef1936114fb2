// An interceptor that carries a header through a run, and tells what it sees.

import { log, type WorkflowInterceptors } from '@perdure/sdk/workflow';
import { seen } from './intercepted-state.ts';

export function interceptors(): WorkflowInterceptors {
  let trace = 'none';
  return {
    inbound: {
      async execute(input, next) {
        trace = input.headers.trace ?? 'absent';
        seen.push(`execute ${trace}`);
        const result = await next({ ...input, args: [...input.args, 'added'] });
        return { result, seen: [...seen] };
      },
      handleSignal(input, next) {
        seen.push(`${input.signalName} ${input.headers.trace}`);
        return next(input);
      },
      handleQuery: (input, next) => `${String(next(input))} to ${input.headers.trace}`,
    },
    outbound: {
      async scheduleActivity(input, next) {
        const result = await next({ ...input, args: [...input.args, 'outbound'], headers: { ...input.headers, trace } });
        return `${String(result)}!`;
      },
      async sleep(input, next) {
        log.info('goes to sleep');
        await Promise.resolve();
        await next(input);
      },
      startChild: (input, next) => next({ ...input, workflowType: `${input.workflowType}-own`, headers: { trace } }),
      signalExternal: (input, next) => next({ ...input, headers: { trace } }),
      continueAsNew: (input, next) => next({ ...input, args: [...input.args, 'again'], headers: { trace } }),
      log: (line, next) => next({ ...line, fields: { ...line.fields, trace } }),
    },
  };
}
