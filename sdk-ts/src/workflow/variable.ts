// Named values of a run that describe shows at any time. They ride on completions as marks and are never read on replay.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { ENCODING_NULL, encodeValue } from '../common/payload-converter.ts';
import { type Run, writableRun } from './run.ts';

/** All values of a run together, in bytes: they are kept in memory by the service. */
const MAX_VARIABLE_BYTES = 64 * 1024;

/** Shows `value` (any serializable value; undefined removes the name) as `name`, also after the run has closed. At most 64 KiB in all. Throws RangeError. */
export function setVar(name: string, value: unknown): void {
  const run = writableRun('setVar');
  if (typeof name !== 'string' || name === '') throw new TypeError('setVar: the name must be text');
  const payload = encodeValue(run.converter, value, `variable ${name}`);
  const before = run.variables.get(name);
  let size = name.length + payload.data.length;
  for (const [other, { data }] of run.variables) if (other !== name) size += other.length + data.length;
  if (size > MAX_VARIABLE_BYTES)
    throw new RangeError(`setVar: with ${name} the variables take ${size} bytes, the limit is ${MAX_VARIABLE_BYTES}`);
  if (payload.encoding === ENCODING_NULL) run.variables.delete(name);
  else run.variables.set(name, payload);
  if (before !== undefined || payload.encoding !== ENCODING_NULL) run.changedVariables.add(name);
}

/** What changed in live activations since the last completion. */
export function takeVariables(run: Run): Record<string, Payload> {
  const removed: Payload = { encoding: ENCODING_NULL, data: new Uint8Array(0), metadata: {} };
  const changes: Record<string, Payload> = {};
  for (const name of run.changedVariables) changes[name] = run.variables.get(name) ?? removed;
  run.changedVariables.clear();
  return changes;
}
