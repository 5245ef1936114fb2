// What the tests of the client share: a client on a scripted service, and answers of that service.
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { WorkflowResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { Client } from '../../src/client/index.ts';
import { defaultPayloadConverter, encodeValue } from '../../src/common/payload-converter.ts';
import { createScriptedApi, type Script } from './scripted-api.ts';
import { createVirtualClock } from './virtual-clock.ts';

export const json = (value: unknown) => encodeValue(defaultPayloadConverter, value, 'test');
export const ok = (runId: string) => ({ outcome: { $case: 'ok' as const, value: { runId, started: true } } });
export const signaled = { outcome: { $case: 'ok' as const, value: { runId: 'r' } } };
export const itemError = (code: number, reason: string, metadata: Record<string, string> = {}) => ({
  outcome: { $case: 'error' as const, value: { code, reason, message: `${reason} (scripted)`, metadata, retryAfter: undefined } },
});

export function setup(script: Script) {
  const clock = createVirtualClock();
  const scripted = createScriptedApi(script);
  const lines: string[] = [];
  const client = new Client({ connection: scripted.api, clock, identity: 'tester', log: (_, message) => lines.push(message) });
  return { ...scripted, clock, client, lines };
}

export async function order(id: string, when?: Date): Promise<{ at: Date; id: string }> {
  return { at: when ?? new Date(0), id };
}

export function closeEvent(attributes: HistoryEvent['attributes']): HistoryEvent {
  return { id: 9n, time: undefined, attributes };
}

export function closed(index: number, attributes: HistoryEvent['attributes']): WorkflowResult {
  return { index, runId: 'run', status: WorkflowStatus.COMPLETED, outcome: { $case: 'closeEvent', value: closeEvent(attributes) } };
}
