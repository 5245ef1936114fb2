/** What this service is and can do. */
import {
  MAX_AWAITED_RUNS,
  MAX_BATCH_BYTES,
  MAX_BATCH_ITEMS,
  MAX_COMMAND_BYTES,
  MAX_EVENT_PAYLOAD_BYTES,
  MAX_HISTORY_BYTES,
  MAX_HISTORY_EVENTS,
  MAX_ID_BYTES,
  MAX_LIST_PAGE,
  MAX_LONG_POLL_MS,
  MAX_MEMO_BYTES,
  MAX_PAGE_BYTES,
  MAX_PENDING_ACTIVITIES,
  MAX_PENDING_CANCELS_OUT,
  MAX_PENDING_CHILDREN,
  MAX_PENDING_SIGNALS_OUT,
  MAX_PENDING_TIMERS,
  MAX_REQUEST_BYTES,
  MAX_SEARCH_ATTRIBUTE_BYTES,
  MAX_SEARCH_ATTRIBUTES,
  MAX_SEARCH_ATTRIBUTES_BYTES,
  MAX_SIGNALS,
  MAX_TASK_TIMEOUT_MS,
  MAX_UPDATES_IN_FLIGHT,
  MAX_UPDATES_TAKEN,
  MAX_VARIABLES_BYTES,
} from '../core/limits.ts';
import type { Context, Frontend } from './call.ts';
import { checkText } from './text.ts';

/** Abilities that a client may ask for by name before it relies on them. */
const CAPABILITIES: readonly string[] = ['eager_activities', 'sticky_tasks', 'query_only_tasks', 'variables'];

const LIMITS: Readonly<Record<string, number>> = {
  await_workflow_results_runs: MAX_AWAITED_RUNS,
  batch_bytes: MAX_BATCH_BYTES,
  batch_items: MAX_BATCH_ITEMS,
  command_bytes: MAX_COMMAND_BYTES,
  event_payload_bytes: MAX_EVENT_PAYLOAD_BYTES,
  history_bytes: MAX_HISTORY_BYTES,
  history_events: MAX_HISTORY_EVENTS,
  id_bytes: MAX_ID_BYTES,
  list_page: MAX_LIST_PAGE,
  long_poll_ms: MAX_LONG_POLL_MS,
  memo_bytes: MAX_MEMO_BYTES,
  page_bytes: MAX_PAGE_BYTES,
  pending_activities: MAX_PENDING_ACTIVITIES,
  pending_cancels_out: MAX_PENDING_CANCELS_OUT,
  pending_children: MAX_PENDING_CHILDREN,
  pending_signals_out: MAX_PENDING_SIGNALS_OUT,
  pending_timers: MAX_PENDING_TIMERS,
  request_bytes: MAX_REQUEST_BYTES,
  search_attribute_bytes: MAX_SEARCH_ATTRIBUTE_BYTES,
  search_attributes: MAX_SEARCH_ATTRIBUTES,
  search_attributes_bytes: MAX_SEARCH_ATTRIBUTES_BYTES,
  signals: MAX_SIGNALS,
  updates_in_flight: MAX_UPDATES_IN_FLIGHT,
  updates: MAX_UPDATES_TAKEN,
  task_timeout_ms: MAX_TASK_TIMEOUT_MS,
  variables_bytes: MAX_VARIABLES_BYTES,
};

/** GetSystemInfo. */
export function systemRpcs(context: Context): Pick<Frontend, 'getSystemInfo'> {
  return {
    getSystemInfo: async (request) => {
      checkText(request);
      const limits = Object.fromEntries(Object.entries(LIMITS).map(([name, value]) => [name, BigInt(value)]));
      return { version: context.version, capabilities: [...CAPABILITIES], limits };
    },
  };
}
