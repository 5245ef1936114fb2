/** What interceptors of a client may surround: its calls as users make them, before anything is encoded. */
import type { Around, Headers } from '../common/interceptor.ts';
import type { StartOptions } from './start.ts';

export interface StartInput {
  readonly workflowType: string;
  readonly options: StartOptions;
  /** Go to the workflow. */
  readonly headers: Headers;
}

interface RunInput {
  readonly workflowId: string;
  /** Empty: the open run of the workflow id, else its newest closed one. */
  readonly runId: string;
}

export interface ClientSignalInput extends RunInput {
  readonly signalName: string;
  readonly args: readonly unknown[];
  /** Go to the handler. */
  readonly headers: Headers;
}

export interface ClientQueryInput extends RunInput {
  readonly queryName: string;
  readonly args: readonly unknown[];
  /** Go to the handler. */
  readonly headers: Headers;
}

export interface CancelInput extends RunInput {
  readonly reason: string;
}

export interface TerminateInput extends RunInput {
  readonly reason: string;
  readonly details: readonly unknown[];
}

/** An interceptor of a client; all methods are optional. */
export interface ClientInterceptor {
  /** `start` and `execute`; answers the run id. */
  start?: Around<StartInput, Promise<string>>;
  signal?: Around<ClientSignalInput, Promise<void>>;
  query?: Around<ClientQueryInput, Promise<unknown>>;
  cancel?: Around<CancelInput, Promise<void>>;
  terminate?: Around<TerminateInput, Promise<void>>;
}
