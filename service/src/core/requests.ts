/** Request ids taken by a run: repeated requests take effect once. Newest 10 000, at least those of the last 24 hours. */
import { MAX_REQUEST_IDS, REQUEST_ID_MEMORY_MS } from './limits.ts';
import type { RunState } from './state.ts';

/** Remembers a request id at the time of its event, and forgets those too old or too many. */
export function rememberRequest(state: RunState, requestId: string, time: number): void {
  if (requestId === '') return;
  state.requestIds.set(requestId, time);
  for (const [oldest, taken] of state.requestIds) {
    if (state.requestIds.size <= MAX_REQUEST_IDS && taken > time - REQUEST_ID_MEMORY_MS) return;
    state.requestIds.delete(oldest);
  }
}
