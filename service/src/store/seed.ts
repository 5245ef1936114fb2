/** What every new database holds, whichever store: written by migrations/, present in memory/ from the start. */
import { DEFAULT_NAMESPACE_NAME, EMPTY_CONFIG, type NamespaceRow } from './store.ts';

export { EMPTY_CONFIG };

/** How many slots all runs are spread over. A constant, not a setting: it is part of every stored key. */
export const SLOT_COUNT = 4096;

/** `WorkflowStatus` of a run that is not closed. */
export const OPEN_STATUS = 1;

/** The namespace that exists without being created; closed runs are kept 7 days. */
export const DEFAULT_NAMESPACE: NamespaceRow = {
  namespaceId: '00000000-0000-7000-8000-000000000001',
  name: DEFAULT_NAMESPACE_NAME,
  retentionMs: 7 * 86_400_000,
  version: 0,
  config: EMPTY_CONFIG,
};

/** Name of the 32 bytes that authenticate tokens, for `getSecret`. */
export const MAC_SECRET = 'mac';
