/** Starts and signals of one client travel together: what queues while calls are in flight leaves with the next. */
import type { SignalWorkflowRequest, StartWorkflowRequest, StartWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { type Batch, createBatch } from '../common/batch.ts';
import { pause } from '../common/clock.ts';
import { backoff, withRetry } from '../common/retry.ts';
import { isTransient, itemRefusal, type Refusal, ServiceError } from '../common/service-error.ts';
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
    send: (items) =>
      sendItems(wire, items, async (open) => {
        const { results } = await api.startWorkflows({ namespace, items: open }, { abort });
        return results.map(({ outcome }) => (outcome?.$case === 'ok' ? outcome.value : itemError(outcome?.value)));
      }),
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
    send: (items) =>
      sendItems(wire, items, async (open) => {
        const { results } = await api.signalWorkflows({ namespace, items: open }, { abort });
        return results.map(({ outcome }) => (outcome?.$case === 'ok' ? outcome.value : itemError(outcome?.value)));
      }),
  });
}

function itemError(item: Parameters<typeof itemRefusal>[0] | undefined): ServiceError {
  const missing: Refusal = { code: 13, reason: '', message: 'the service left an item unanswered', metadata: {} };
  return new ServiceError(item ? itemRefusal(item) : missing);
}

/** Sends items until each is answered or refused for good; those the service could not take now go again, in order, with the same ids. */
async function sendItems<I, O>(
  wire: Wire,
  items: readonly I[],
  call: (open: I[]) => Promise<(O | ServiceError)[]>,
): Promise<(O | ServiceError)[]> {
  const { clock, retry } = wire;
  const answers: (O | ServiceError)[] = [];
  let open = items.map((_, index) => index);
  const giveUpAt = clock.monotonic() + (retry.maximumElapsedMs ?? 60_000);
  for (let failures = 1; ; failures += 1) {
    const results = await withRetry(retryContext(wire), () => call(open.map((index) => items[index] as I)));
    let wait = 0;
    const again: number[] = [];
    for (const [at, index] of open.entries()) {
      const result = results[at] ?? itemError(undefined);
      answers[index] = result;
      if (!(result instanceof ServiceError && isTransient(result))) continue;
      again.push(index);
      wait = Math.max(wait, result.retryAfterMs ?? 0);
    }
    const delay = backoff(clock, retry, failures, wait);
    if (again.length === 0 || wire.closed.aborted || clock.monotonic() + delay > giveUpAt) return answers;
    open = again;
    await pause(clock, delay, wire.closed);
  }
}
