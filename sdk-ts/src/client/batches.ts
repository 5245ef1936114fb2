/** Starts and signals of one client travel together: what queues while calls are in flight leaves with the next. */
import type { SignalWorkflowRequest, StartWorkflowRequest, StartWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { type Batch, type BatchOptions, createBatch } from '../common/batch.ts';
import { backoff, mayPass, withRetry } from '../common/retry.ts';
import { itemRefusal, type Refusal, ServiceError } from '../common/service-error.ts';
import { roughBytes } from '../common/size.ts';
import { retryContext, type Wire } from './wire.ts';

const IN_FLIGHT = 4;
/** The service's limit of items in one request. */
const MAX_ITEMS = 1_000;
/** Under the service's limit of 4 MiB, with room for what is estimated. */
const MAX_BYTES = 3 * 1024 * 1024;

export function createStarts(wire: Wire): Batch<StartWorkflowRequest, StartWorkflowResponse> {
  const { api, namespace, closed: abort } = wire;
  return createBatch<StartWorkflowRequest, StartWorkflowResponse>({
    clock: wire.clock,
    inFlight: IN_FLIGHT,
    maxItems: MAX_ITEMS,
    maxBytes: MAX_BYTES,
    bytesOf: roughBytes,
    againAfter: againAfter(wire),
    abort,
    send: async (items) => {
      const request = { namespace, items: [...items] };
      const { results } = await withRetry(retryContext(wire), () => api.startWorkflows(request, { abort }));
      return results.map(({ outcome }) => (outcome?.$case === 'ok' ? outcome.value : itemError(outcome?.value)));
    },
  });
}

export function createSignals(wire: Wire): Batch<SignalWorkflowRequest, { runId: string }> {
  const { api, namespace, closed: abort } = wire;
  return createBatch<SignalWorkflowRequest, { runId: string }>({
    clock: wire.clock,
    inFlight: IN_FLIGHT,
    maxItems: MAX_ITEMS,
    maxBytes: MAX_BYTES,
    bytesOf: roughBytes,
    // Signals to one workflow are recorded in the order of the calls.
    keyOf: (item) => item.execution?.workflowId ?? '',
    againAfter: againAfter(wire),
    abort,
    send: async (items) => {
      const request = { namespace, items: [...items] };
      const { results } = await withRetry(retryContext(wire), () => api.signalWorkflows(request, { abort }));
      return results.map(({ outcome }) => (outcome?.$case === 'ok' ? outcome.value : itemError(outcome?.value)));
    },
  });
}

function itemError(item: Parameters<typeof itemRefusal>[0] | undefined): ServiceError {
  const missing: Refusal = { code: 13, reason: '', message: 'the service left an item unanswered', metadata: {} };
  return new ServiceError(item ? itemRefusal(item) : missing);
}

/** Items the service could not take now go again with the same ids, each by itself: no other waits for them. */
function againAfter({ clock, retry, closed }: Wire): NonNullable<BatchOptions<never, never>['againAfter']> {
  return (error, failures, sinceMs) => {
    if (!(error instanceof ServiceError && mayPass(error, failures)) || closed.aborted) return undefined;
    const delay = backoff(clock, retry, failures, error.retryAfterMs);
    return sinceMs + delay > (retry.maximumElapsedMs ?? 60_000) ? undefined : delay;
  };
}
