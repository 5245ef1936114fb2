/**
 * The first run id of a chain is derived, never drawn: a retried start finds the run it made before, open or closed.
 * Layout: UUIDv7 with the request id's 48 bits of time, and 74 bits of SHA-256(namespace id, 0, workflow id, 0, request id).
 */
import { hash } from 'node:crypto';
import type { StepName } from './state.ts';

/**
 * The request id of what a run asks of others: derived too, so that it takes effect once however often it is sent. Layout as
 * above, with the event's time, of SHA-256(origin run id, 0, event id).
 */
export function deriveRequestId({ originRunId, scheduledEventId, scheduledAt }: StepName): string {
  const digest = hash('sha256', `${originRunId}\0${scheduledEventId}`);
  const variant = ((Number.parseInt(digest[3] as string, 16) & 0x3) | 0x8).toString(16);
  const time = Math.max(0, scheduledAt).toString(16).padStart(12, '0').slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}

/** Run id for a start. `requestId` must be a UUIDv7 (checked by the frontend). */
export function deriveRunId(namespaceId: string, workflowId: string, requestId: string): string {
  const digest = hash('sha256', `${namespaceId}\0${workflowId}\0${requestId.toLowerCase()}`);
  const variant = ((Number.parseInt(digest[3] as string, 16) & 0x3) | 0x8).toString(16);
  const time = requestId.toLowerCase().slice(0, 13);
  return `${time}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
