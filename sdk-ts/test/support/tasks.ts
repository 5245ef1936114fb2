/** Tasks and a link to a scripted service, for tests of the worker's parts. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import { ActivityTask as ActivityTaskMessage } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTask as WorkflowTaskMessage } from '@perdure/proto/perdure/api/v1/task';
import { msToProto, msToTimestamp } from '../../src/common/duration.ts';
import { defaultPayloadConverter, encodeValues } from '../../src/common/payload-converter.ts';
import { createLink, type Link } from '../../src/worker/link.ts';
import { createScriptedApi, type Script, type ScriptedApi } from './scripted-api.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export interface LinkFixture extends ScriptedApi {
  readonly clock: VirtualClock;
  readonly link: Link;
  /** "level: message". */
  readonly lines: string[];
}

export function createTestLink(script: Script, overrides: Partial<Pick<Link, 'dataConverter'>> = {}): LinkFixture {
  const clock = createVirtualClock();
  const scripted = createScriptedApi(script);
  const lines: string[] = [];
  const link = createLink({
    api: scripted.api,
    clock,
    log: (level, message) => lines.push(`${level}: ${message}`),
    namespace: 'default',
    taskQueue: 'queue',
    info: { workerId: 'worker', identity: 'me', buildId: 'build', sdkName: 'typescript', sdkVersion: '0' },
    dataConverter: {},
    ...overrides,
  });
  return { ...scripted, clock, link, lines };
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** An attempt named by its token. Times in ms. */
export function activityTask(
  token: string,
  options: { type?: string; args?: unknown[]; attempt?: number; startToClose?: number; scheduleToClose?: number; heartbeat?: number } = {},
): ActivityTask {
  const { type = 'work', args = [], attempt = 1, startToClose, scheduleToClose, heartbeat } = options;
  return ActivityTaskMessage.fromPartial({
    token: bytes(token),
    execution: { workflowId: 'w', runId: 'r' },
    workflowType: 'flow',
    namespace: 'default',
    activityId: '7',
    activityType: type,
    taskQueue: 'queue',
    input: encodeValues(defaultPayloadConverter, args, 'test'),
    attempt,
    scheduledTime: msToTimestamp(1_000),
    startedTime: msToTimestamp(5_000),
    startToCloseTimeout: startToClose === undefined ? undefined : msToProto(startToClose),
    scheduleToCloseTimeout: scheduleToClose === undefined ? undefined : msToProto(scheduleToClose),
    heartbeatTimeout: heartbeat === undefined ? undefined : msToProto(heartbeat),
  });
}

/** A workflow task named by its token. */
export function workflowTask(token: string, options: Partial<WorkflowTask> & { runId?: string } = {}): WorkflowTask {
  const { runId = 'r', ...rest } = options;
  return {
    ...WorkflowTaskMessage.fromPartial({
      token: bytes(token),
      execution: { workflowId: 'w', runId },
      workflowType: 'flow',
      taskQueue: 'queue',
    }),
    ...rest,
  };
}
