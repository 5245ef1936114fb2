/**
 * The first run id of a chain is derived, never drawn: a retried start finds the run it made before, open or closed.
 * Layout: UUIDv7 with the request id's 48 bits of time, and 74 bits of SHA-256(namespace id, 0, workflow id, 0, request id).
 */
import { hash } from 'node:crypto';

/** Run id for a start. `requestId` must be a UUIDv7 (checked by the frontend). */
export function deriveRunId(namespaceId: string, workflowId: string, requestId: string): string {
  const digest = hash('sha256', `${namespaceId}\0${workflowId}\0${requestId.toLowerCase()}`);
  const variant = ((Number.parseInt(digest[3] as string, 16) & 0x3) | 0x8).toString(16);
  const time = requestId.toLowerCase().slice(0, 13);
  return `${time}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}
