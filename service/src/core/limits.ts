/** Every limit of the service: one constant each, with its reason. docs/limits.md is checked against this file. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** All payloads of one event. A task or history page must still fit one message. */
export const MAX_EVENT_PAYLOAD_BYTES: number = 2 * MiB;
/** Encoded commands of one completion. The envelope must fit the 4 MiB request limit. */
export const MAX_COMMAND_BYTES: number = 3 * MiB;
/** A history row is closed at this size: databases like rows of at most 1 MiB. */
export const MAX_ROW_BYTES: number = 1 * MiB;
/** Pages and answers. Clients of other languages default to receiving 4 MiB. */
export const MAX_PAGE_BYTES: number = 3.5 * MiB;
/** One request, encoded. */
export const MAX_REQUEST_BYTES: number = 4 * MiB;
/** Tasks of one poll answer together, unless a single one is larger. */
export const MAX_POLL_ANSWER_BYTES: number = 1 * MiB;

/** Changes that wait for the database, all together: beyond it starts, then requests are refused. */
export const MAX_QUEUED_BYTES: number = 256 * MiB;
/** Runs in memory, estimated, all together: beyond it quiet ones leave although a worker is still to take their tasks. */
export const MAX_HOT_BYTES: number = 512 * MiB;

/** Events of one run. Replay of more takes seconds. */
export const MAX_HISTORY_EVENTS = 51_200;
/** Bytes of one run's events. */
export const MAX_HISTORY_BYTES: number = 50 * MiB;
/** Results and closing commands are taken up to this much over the history limits; then the run is terminated. */
export const HISTORY_GRACE = 1.1;
/** From here on workflow tasks suggest to continue as new. */
export const SUGGEST_CONTINUE_EVENTS = 4_096;
/** From here on workflow tasks suggest to continue as new. */
export const SUGGEST_CONTINUE_BYTES: number = 4 * MiB;

/** Open activities of one run. */
export const MAX_PENDING_ACTIVITIES = 2_000;
/** Open timers of one run. */
export const MAX_PENDING_TIMERS = 2_000;
/** Open children of one run. */
export const MAX_PENDING_CHILDREN = 2_000;
/** Signals of one run to other workflows that wait for an answer. */
export const MAX_PENDING_SIGNALS_OUT = 2_000;
/** Cancel requests of one run to other workflows that wait for an answer. */
export const MAX_PENDING_CANCELS_OUT = 2_000;
/** Signals of one run. */
export const MAX_SIGNALS = 10_000;
/** Updates of one run that are asked or whose handler runs: each waits for the others' turns. */
export const MAX_UPDATES_IN_FLIGHT = 10;
/** Updates taken by one run: their ids are kept as long as it. */
export const MAX_UPDATES_TAKEN = 2_000;
/** Request ids remembered per run. */
export const MAX_REQUEST_IDS = 10_000;
/** Request ids are remembered at least this long. */
export const REQUEST_ID_MEMORY_MS: number = 24 * 3_600_000;
/** Starts of a chain are this far apart, so that code that continues as new or fails at once does not spin. */
export const CHAIN_SPACING_MS = 1_000;
/** Queries waiting at one run. */
export const MAX_WAITING_QUERIES = 100;

/** Workflow ids, types, task queues, activity ids, signal and query names, UTF-8 bytes. */
export const MAX_ID_BYTES = 1_000;
/** Identities and reasons, UTF-8 bytes. */
export const MAX_TEXT_BYTES: number = 4 * KiB;
/** Memo of one run. */
export const MAX_MEMO_BYTES: number = 2 * MiB;
/** Search attributes of one run. */
export const MAX_SEARCH_ATTRIBUTES = 100;
/** One search attribute. */
export const MAX_SEARCH_ATTRIBUTE_BYTES: number = 2 * KiB;
/** All search attributes of one run. */
export const MAX_SEARCH_ATTRIBUTES_BYTES: number = 40 * KiB;
/** Variables of one run (setVar), encoded, all together. */
export const MAX_VARIABLES_BYTES: number = 64 * KiB;
/** A failure kept in a mark. */
export const MAX_MARK_FAILURE_BYTES: number = 4 * KiB;
/** Failures kept per activity: the first, and this many last ones. */
export const KEPT_FAILURES = 10;

/** Workflow task timeout of a run that asks for none. */
export const DEFAULT_TASK_TIMEOUT_MS = 10_000;
/** Largest workflow task timeout. */
export const MAX_TASK_TIMEOUT_MS = 120_000;
/** Longest time a workflow task may be prolonged, for local activities: a worker that hangs must not keep its run for ever. */
export const MAX_PROLONGED_MS: number = 30 * 60_000;
/** Longest duration of a timer, timeout or delay: about 100 years. */
export const MAX_DURATION_MS: number = 36_525 * 86_400_000;
/** Attempt from which failing workflow tasks count as blocked. */
export const BLOCKED_AT_TASK_ATTEMPT = 3;
/** Attempt from which a failing activity counts as blocked. */
export const BLOCKED_AT_ACTIVITY_ATTEMPT = 10;
/** Longest wait of a query for a worker. */
export const QUERY_WAIT_MS = 10_000;
/** Longest wait of a long poll. */
export const MAX_LONG_POLL_MS = 60_000;
/** Items of one batch request. */
export const MAX_BATCH_ITEMS = 1_000;
/** Items of one batch request together, so that their envelope fits the request limit. A single item has limits of its own. */
export const MAX_BATCH_BYTES: number = 3 * MiB;
/** Runs of one AwaitWorkflowResults. */
export const MAX_AWAITED_RUNS = 10_000;
/** Largest page of a list. */
export const MAX_LIST_PAGE = 1_000;
/** Default page of a list. */
export const DEFAULT_LIST_PAGE = 100;

/** Polls waiting at one node, about 1 KiB each. */
export const MAX_WAITING_POLLS = 50_000;
/** Task queues that polls may open at one node: each costs memory until nobody has polled it for 5 minutes. */
export const MAX_POLLED_QUEUES = 100_000;
/** A list filter, UTF-8 bytes. */
export const MAX_FILTER_BYTES: number = 4 * KiB;
/** Comparisons of one list filter, the items of IN included: each becomes a condition of the statement. */
export const MAX_FILTER_TERMS = 100;
/** Groups of one count: the largest are listed. */
export const MAX_COUNT_GROUPS = 1_000;
/** Nesting of one list filter. */
export const MAX_FILTER_DEPTH = 20;

/** Search attributes of one namespace. */
export const MAX_DECLARED_ATTRIBUTES = 200;
/** Name of a search attribute, UTF-8 bytes. */
export const MAX_ATTRIBUTE_NAME_BYTES = 200;
/** Name of a namespace, characters. */
export const MAX_NAMESPACE_NAME = 200;
/** Labels of one namespace. */
export const MAX_NAMESPACE_LABELS = 100;
/** Labels of one namespace, UTF-8 bytes of keys and values together. */
export const MAX_NAMESPACE_LABELS_BYTES: number = 16 * KiB;
/** Shortest retention: purging sooner would race with who awaits a result. */
export const MIN_RETENTION_MS = 3_600_000;
/** Longest retention: about 10 years. */
export const MAX_RETENTION_MS: number = 3_653 * 86_400_000;
/** Retention of a namespace that asks for none. */
export const DEFAULT_RETENTION_MS: number = 7 * 86_400_000;
