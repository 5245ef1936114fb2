// Parts of the state as scripts show them.
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { RunState } from '../../../src/core/state.ts';
import { clock, showFailure, showFields, showPayload } from './text.ts';

const statuses = new Map<unknown, string>(Object.entries(WorkflowStatus).map(([name, value]) => [value, name]));

export const views: Record<string, (state: RunState, number: number) => string[]> = {
  status: ({ status }) => [statuses.get(status) ?? String(status)],
  task({ task, live }) {
    const { attempt, notBefore, dueSince, blockedSince, failure, cause, stickyWorkerId, base, seen } = task;
    const failed = failure === undefined ? '' : `; failed${showFields({ cause })} ${showFailure(failure)}`;
    const blocked = blockedSince === 0 ? '' : `; blocked since ${clock(blockedSince)}`;
    const waiting = `${live.waitingForHandlers ? '; waits for handlers' : ''}${live.closeRefused ? '; a close was refused' : ''}`;
    return [
      `task attempt ${attempt} base ${base} seen ${seen} not before ${notBefore === 0 ? '-' : clock(notBefore)}; due since ${clock(dueSince)}; sticky ${stickyWorkerId || '-'}${failed}${blocked}${waiting}`,
    ];
  },
  activity({ activities }, number) {
    const activity = activities.get(number);
    if (activity === undefined) return ['ended'];
    const { attempt, dueAt, startedAt, startNumber, heartbeatDetails, failureCount, failures, cancelRequested, operated } = activity;
    const details = heartbeatDetails === undefined ? '' : ` details=${showPayload(heartbeatDetails)}`;
    return [
      `activity ${number} attempt ${attempt}.${startNumber} due ${clock(dueAt)} started ${startedAt === 0 ? '-' : clock(startedAt)}${details}${cancelRequested ? ' cancel requested' : ''}${operated?.paused === undefined ? '' : ' paused'}${operated?.resetRequested === true ? ' reset' : ''}`,
      ...(failureCount === 0 ? [] : [`${failureCount} failures:`]),
      ...failures.map((kept) => `  ${kept.attempt} ${clock(kept.time)} ${kept.failure === undefined ? '-' : showFailure(kept.failure)}`),
    ];
  },
  memo: ({ memo }) => [`memo${showFields(memo)}`],
  'search-attributes': ({ searchAttributes }) => [`search attributes${showFields(searchAttributes)}`],
  variables: ({ variables }) => [`variables${showFields(variables)}`],
  chain: ({ firstRunId, newRunId, chain }) => [`chain first ${firstRunId} next ${newRunId || '-'}${showFields(chain)}`],
  requests: ({ requestIds }) => [`${requestIds.size} request ids: ${[...requestIds.keys()].slice(0, 3).join(' ')}`],
  history: ({ nextEventId }) => [`${nextEventId - 1} events`],
};
