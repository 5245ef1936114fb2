// How interceptors are put around a call, on every side. No Node imports: also runs in the sandbox.

import type { Header } from '@perdure/proto/perdure/api/v1/common';

/** Text by name that travels with starts, signals, queries and activities, readable for everybody on the way: for trace context, not for secrets. */
export type Headers = Readonly<Record<string, string>>;

/** Around one call: `next` goes on, with the given input or another; what it answers may be changed too. */
export type Around<I, R> = (input: I, next: (input: I) => R) => R;

/** The call with the chosen method of each interceptor around it; the first interceptor is the outermost. */
export function intercepted<T, I, R>(
  interceptors: readonly T[] | undefined,
  choose: (interceptor: T) => Around<I, R> | undefined,
  call: (input: I) => R,
): (input: I) => R {
  let next = call;
  for (let at = (interceptors?.length ?? 0) - 1; at >= 0; at -= 1) {
    const around = choose(interceptors?.[at] as T);
    if (around === undefined) continue;
    const inner = next;
    next = (input) => around(input, inner);
  }
  return next;
}

const NONE: Headers = Object.freeze({});

export function headersOf(header: Header | undefined): Headers {
  return header?.text ?? NONE;
}

/** The protocol's form; no headers are none. Throws TypeError for what is not text. */
export function toHeader(headers: Headers): Header | undefined {
  const names = Object.keys(headers);
  if (names.length === 0) return undefined;
  for (const name of names) {
    if (typeof headers[name] !== 'string') throw new TypeError(`headers.${name}: must be text, not ${typeof headers[name]}`);
  }
  return { text: { ...headers }, fields: {} };
}
