/** Histories of workflow tasks: fetched where the task brings only a part, decoded where codecs are set. */
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import { type DataConverter, decodeMessage, hasCodecs } from '../common/data-converter.ts';
import { type Link, persist } from './link.ts';

/** The task with everything from its first event to the last seen one. */
export async function completeHistory(link: Link, task: WorkflowTask): Promise<WorkflowTask> {
  if (task.historyNextEventId === 0n) return task;
  const rest = await readHistory(link, task, task.historyNextEventId);
  return { ...task, history: concatenate([task.history, ...rest]), historyNextEventId: 0n };
}

/** The task with its history from event 1. */
export async function withFullHistory(link: Link, task: WorkflowTask): Promise<WorkflowTask> {
  const pages = await readHistory(link, task, 1n);
  return { ...task, history: concatenate(pages), historyFromEventId: 1n, historyNextEventId: 0n };
}

/** The task as the engine reads it; the given one is left alone only where there are no codecs. */
export async function decodeTask(converter: DataConverter, task: WorkflowTask): Promise<WorkflowTask> {
  if (!hasCodecs(converter)) return task;
  await decodeMessage(converter, [task.queries, task.updates]);
  return { ...task, history: await decodeHistory(converter, task.history) };
}

async function decodeHistory(converter: DataConverter, bytes: Uint8Array): Promise<Uint8Array> {
  if (!hasCodecs(converter) || bytes.length === 0) return bytes;
  const history = History.decode(bytes);
  await decodeMessage(converter, history);
  return History.encode(history).finish();
}

/**
 * Pages of the run's log from an event up to the last seen one; of a query-only task to the end, because the block of the last
 * completed task lies behind what that task had seen. Encoded histories can simply be joined.
 */
async function readHistory(link: Link, task: WorkflowTask, from: bigint): Promise<Uint8Array[]> {
  const { api, namespace, abandoned: abort, dataConverter } = link;
  const pages: Uint8Array[] = [];
  const until = task.queryOnly ? undefined : task.seenEventId;
  for (let next = from, end = false; until === undefined ? !end : next <= until; ) {
    const request = {
      namespace,
      execution: task.execution,
      fromEventId: next,
      toEventId: until ?? 0n,
      maxBytes: 0,
      wait: false,
      waitTimeout: undefined,
    };
    const page = await persist(link, () => api.getWorkflowHistory(request, { abort }));
    if (page.nextEventId <= next)
      throw new Error(`the history of the run ends before event ${next}, the task names event ${task.seenEventId}`);
    pages.push(await decodeHistory(dataConverter, page.history));
    next = page.nextEventId;
    end = page.end;
  }
  return pages;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const joined = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
