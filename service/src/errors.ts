/** The catalogue: every reason a caller can get, its google.rpc.Code and what to do about it. docs/errors.md is checked against it. */
export const REASONS = {
  BAD_FIELD: { code: 3, advice: 'Correct the field named in the message.' },
  TOO_LARGE: { code: 3, advice: 'Send less: the message names field, size and limit.' },
  BAD_COMMAND: { code: 3, advice: 'The worker sent a command the run cannot take; correct the workflow code or the SDK.' },
  BAD_TOKEN: { code: 3, advice: 'The token was not made by this service; use it exactly as received.' },
  BAD_FILTER: { code: 3, advice: 'Correct the filter at the position named in the message.' },
  WORKFLOW_NOT_FOUND: { code: 5, advice: 'Check namespace, workflow id and run id.' },
  WORKFLOW_CLOSED: { code: 5, advice: 'The run has closed; start a new one if needed.' },
  ACTIVITY_NOT_FOUND: { code: 5, advice: 'The attempt is no longer wanted (finished, timed out, retried or canceled); drop its result.' },
  UPDATE_NOT_FOUND: { code: 5, advice: 'The run has accepted no update of this id; send it again with the same id.' },
  NAMESPACE_NOT_FOUND: { code: 5, advice: 'Check the namespace name.' },
  NAMESPACE_DELETING: { code: 9, advice: 'The namespace is being deleted and takes no calls; use another.' },
  NAMESPACE_IN_USE: { code: 9, advice: 'Let its open runs end, or delete with terminate_open_runs. "default" always stays.' },
  NAMESPACE_EXISTS: { code: 6, advice: 'Use the namespace as it is, update it, or choose another name.' },
  WORKFLOW_ALREADY_STARTED: { code: 6, advice: 'Use the run named in the metadata, another workflow id, or a conflict or reuse policy.' },
  NO_RESET_POINT: {
    code: 9,
    advice: 'The history has no such place to reset to: the message says what is missing; name an event instead.',
  },
  STALE_TASK: { code: 9, advice: 'The task was given out again; forget the run and poll.' },
  UNSEEN_EVENTS: { code: 10, advice: 'A signal or cancel request arrived meanwhile; forget the run, a new task follows at once.' },
  RUN_BLOCKED: { code: 9, advice: 'The run fails its workflow tasks; describe shows why. Deploy corrected code.' },
  QUERY_REJECTED: { code: 9, advice: 'The run has a status that the query excluded; the metadata names it.' },
  QUERY_NOT_READY: { code: 9, advice: 'No workflow task of the run has completed yet; try again.' },
  QUERY_UNANSWERED: { code: 4, advice: 'No worker answered in time; check that one polls the task queue named in the message.' },
  LIMIT_REACHED: { code: 8, advice: 'The run holds as many of these as it may; finish some, or continue in a new run.' },
  RATE_LIMITED: { code: 8, advice: 'The namespace may do so many calls per second; try again after the delay in RetryInfo.' },
  OVERLOADED: { code: 8, advice: 'Slow down and try again after the delay in RetryInfo.' },
  UNAVAILABLE: { code: 14, advice: 'Try again; requests with the same request id take effect once.' },
  DATABASE_UNAVAILABLE: { code: 14, advice: 'The service cannot reach its database; nothing acknowledged is lost. Try again.' },
  INTERNAL: { code: 13, advice: 'A defect: report it with the id in the message.' },
} as const;

export type Reason = keyof typeof REASONS;

/** The one error class of the service. Everything thrown towards a caller is one of these. */
export class PerdureError extends Error {
  readonly reason: Reason;
  readonly metadata: Record<string, string>;
  /** Ms after which trying again makes sense. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, metadata: Record<string, string> = {}, retryAfterMs?: number) {
    super(message);
    this.name = 'PerdureError';
    this.reason = reason;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): number {
    return REASONS[this.reason].code;
  }
}

/** A wrong field: names it, what came, and what is allowed. */
export function badField(field: string, problem: string, metadata: Record<string, string> = {}): PerdureError {
  return new PerdureError('BAD_FIELD', `${field}: ${problem}`, { field, ...metadata });
}

/** A field over its limit: names field, size and limit. */
export function tooLarge(field: string, size: number, limit: number, unit = 'bytes'): PerdureError {
  return new PerdureError('TOO_LARGE', `${field}: ${size} ${unit}, the limit is ${limit}`, {
    field,
    size: String(size),
    limit: String(limit),
  });
}
