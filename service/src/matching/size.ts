/** How large a task is, about: enough to keep an answer near its limit without encoding it twice. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Header, Payload } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';

/** Ids, times and framing of one task. */
const ENVELOPE_BYTES = 256;

/** Bytes of a workflow task, about. */
export function workflowTaskBytes(task: WorkflowTask): number {
  let bytes = ENVELOPE_BYTES + task.history.length;
  for (const query of task.queries) bytes += payloadsBytes(query.args) + headerBytes(query.header);
  return bytes;
}

/** Bytes of an activity task, about. */
export function activityTaskBytes(task: ActivityTask): number {
  const details = task.heartbeatDetails === undefined ? 0 : payloadBytes(task.heartbeatDetails);
  return ENVELOPE_BYTES + payloadsBytes(task.input) + headerBytes(task.header) + details;
}

function payloadsBytes(payloads: readonly Payload[]): number {
  let bytes = 0;
  for (const payload of payloads) bytes += payloadBytes(payload);
  return bytes;
}

function payloadBytes(payload: Payload): number {
  let bytes = payload.data.length + payload.encoding.length + 8;
  for (const key in payload.metadata) bytes += key.length + (payload.metadata[key]?.length ?? 0) + 8;
  return bytes;
}

function headerBytes(header: Header | undefined): number {
  if (header === undefined) return 0;
  let bytes = 0;
  for (const key in header.text) bytes += key.length + (header.text[key]?.length ?? 0) + 8;
  for (const key in header.fields) {
    const payload = header.fields[key];
    bytes += key.length + (payload === undefined ? 0 : payloadBytes(payload));
  }
  return bytes;
}
