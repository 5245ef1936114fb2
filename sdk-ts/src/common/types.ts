/** Types that flow from workflow functions to those who start, signal and query them. */

/** Any workflow function. */
// biome-ignore lint/suspicious/noExplicitAny: the types of a given function replace it
export type Workflow = (...args: any[]) => Promise<any>;

/** What a value of type T is after a way through JSON, as results come back: dates are texts, methods are gone. Bytes stay bytes. */
export type Json<T> = 0 extends 1 & T
  ? T
  : T extends string | number | boolean | null | undefined | Uint8Array
    ? T
    : T extends { toJSON(): infer R }
      ? Json<R>
      : T extends (...args: never[]) => unknown
        ? never
        : T extends readonly unknown[]
          ? { [K in keyof T]: Json<T[K]> }
          : T extends object
            ? { [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: Json<T[K]> }
            : T;

/** Arguments as those get them who are called through the service. */
export type JsonArgs<Args extends readonly unknown[]> = { [K in keyof Args]: Json<Args[K]> };

/** What a workflow's result is for its clients. */
export type ResultOf<F extends Workflow> = Json<Awaited<ReturnType<F>>>;
