// The workflow's metrics: silent on replay, so that every value is told once. A task that is tried again tells its values again.

import { activeRun, getHost } from './run.ts';

export type MetricTags = Readonly<Record<string, string>>;
type Tell = (name: string, value: number, tags?: MetricTags) => void;

function tell(kind: 'counter' | 'gauge' | 'histogram'): Tell {
  return (name, value, tags = {}) => {
    if (typeof name !== 'string' || name === '') throw new TypeError('metrics: the name must be text');
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new TypeError(`metrics: ${name}: ${String(value)} is not a finite number`);
    if (activeRun()?.replaying) return;
    getHost().log({ level: 'metric', message: name, fields: { kind, value, tags } });
  };
}

const add = tell('counter');

/** Values go to the worker's option `metrics`, with workflow id, run id and type. */
export const metrics: {
  /** Adds to a sum that only grows; `value` 1 if not given. */
  readonly count: (name: string, value?: number, tags?: MetricTags) => void;
  /** What something is now. */
  readonly gauge: Tell;
  /** One of many values whose distribution matters, for example a duration in ms. */
  readonly record: Tell;
} = {
  count: (name, value = 1, tags) => add(name, value, tags),
  gauge: tell('gauge'),
  record: tell('histogram'),
};
