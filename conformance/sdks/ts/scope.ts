// What client code of a feature is given.
import type { Client } from '@perdure/sdk/client';

export interface Scope {
  readonly client: Client;
  /** host:port of the service. */
  readonly address: string;
  readonly taskQueue: string;
  /** The workflow id of a run that the scenario names so. */
  workflowId(run: string): string;
}
