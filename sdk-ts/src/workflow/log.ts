// The workflow's log: silent on replay, so that every line appears once.

import { intercepted } from '../common/interceptor.ts';
import { activeRun, getHost, type LogLine } from './run.ts';

type LogFunction = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

function at(level: LogLine['level']): LogFunction {
  return (message, fields = {}) => {
    const run = activeRun();
    if (run?.replaying) return;
    const line: LogLine = { level, message: String(message), fields };
    const { log: write } = getHost();
    if (run?.interceptors === undefined) write(line);
    else intercepted(run.interceptors, ({ outbound }) => outbound?.log?.bind(outbound), write)(line);
  };
}

/** Lines go to the worker's log, with workflow id, run id and type. `fields` must be serializable. */
export const log: { readonly debug: LogFunction; readonly info: LogFunction; readonly warn: LogFunction; readonly error: LogFunction } = {
  debug: at('debug'),
  info: at('info'),
  warn: at('warn'),
  error: at('error'),
};
