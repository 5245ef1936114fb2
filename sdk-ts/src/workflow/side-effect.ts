// Side effects: the answer of a function is recorded, and not asked for again on replay.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { decodeValue, encodeValue } from '../common/payload-converter.ts';
import type { Json } from '../common/types.ts';
import { isThenable } from './handler.ts';
import { recordedMarker } from './marker.ts';
import { captureSite, produce, type Run, type Site, writableRun } from './run.ts';

/** All payloads of one event, in bytes. */
const MAX_BYTES = 2 * 1024 * 1024;

/**
 * Calls `fn` once and records what it returns: replay gets the recorded value. For values that differ from call to call and are quick to
 * get, such as a setting of the worker's code; anything that can fail belongs in an activity. `fn` is synchronous and must not use the
 * workflow's API. Throws what `fn` throws, without recording it; RangeError for more than 2 MiB.
 */
export function sideEffect<T>(fn: () => T): Json<T> {
  const run = writableRun('sideEffect');
  if (typeof fn !== 'function') throw new TypeError('sideEffect: the argument must be a function');
  const site = captureSite(sideEffect);
  const number = run.lastSideEffect + 1;
  const what = `side effect ${number}`;
  const result = run.block === undefined ? ask(run, fn, what) : recorded(run, number, site);
  run.lastSideEffect = number;
  record(run, number, result, site);
  return decodeValue(run.converter, result, what) as Json<T>;
}

function record(run: Run, number: number, result: Payload | undefined, site: Site | undefined): void {
  const marker = { $case: 'sideEffect' as const, value: { number, result } };
  produce(run, { $case: 'recordMarker', value: { marker, callSite: '' } }, site);
}

/** What the log says. There is no value to go on with where it says something else: the step is compared when the code has come to rest. */
function recorded(run: Run, number: number, site: Site | undefined): Payload | undefined {
  const marker = recordedMarker(run);
  if (marker?.$case === 'sideEffect' && marker.value.number === number) return marker.value.result;
  record(run, number, undefined, site);
  run.mismatch = true;
  throw new Error(`sideEffect: the log of this run holds no side effect ${number} here`);
}

function ask(run: Run, fn: () => unknown, what: string): Payload {
  const { random, readOnly } = run;
  run.readOnly = 'the function of sideEffect()';
  // Draws must not move the run's stream: replay does not call the function.
  run.random = [...random];
  try {
    const value = fn();
    if (isThenable(value)) throw new TypeError('sideEffect: the function must not be async; use an activity');
    const payload = encodeValue(run.converter, value, what);
    if (payload.data.length > MAX_BYTES)
      throw new RangeError(`sideEffect: the value takes ${payload.data.length} bytes, the limit is ${MAX_BYTES}`);
    return payload;
  } finally {
    run.readOnly = readOnly;
    run.random = random;
  }
}
