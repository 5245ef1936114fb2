/** One good request of every RPC, with every field set: for tests that must cover all of them. */
import type { Frontend } from '../../src/frontend/service.ts';
import { activityTokenBytes, runId, worker, workflowTokenBytes } from './frontend-world.ts';

const duration = { seconds: 1n, nanos: 0 };
const requestId = '01890000-0000-7000-8000-000000000002';
const payload = { encoding: 'json/plain', data: Uint8Array.of(1), metadata: { key: Uint8Array.of(1) } };
const header = { text: { traceparent: 'x' }, fields: { user: payload } };
const execution = { workflowId: 'wf', runId };
const searchAttributes = {
  a: { value: { $case: 'keyword', value: 'x' } },
  b: { value: { $case: 'keywordList', value: { values: ['x', 'y'] } } },
  c: { value: { $case: 'datetime', value: '2026-01-01' } },
};
const memo = { note: payload };
const info = { $case: 'application', value: { type: 'T', nonRetryable: false, details: [payload], nextRetryDelay: duration } };
const activityInfo = { $case: 'activity', value: { activityId: '1', activityType: 't', attempt: 1, retryState: 0, identity: 'i' } };
const leaf = { message: 'm', stackTrace: 's', source: 'x', cause: undefined, encodedAttributes: undefined, info: activityInfo };
const service = { ...leaf, info: { $case: 'service', value: { reason: 'r', nonRetryable: false } } };
const failure = { message: 'm', stackTrace: 's', source: 'x', cause: { ...leaf, cause: service }, encodedAttributes: undefined, info };
const retryPolicy = {
  initialInterval: duration,
  backoffCoefficient: 2,
  maximumInterval: duration,
  maximumAttempts: 1,
  nonRetryableErrorTypes: ['E'],
};
const start = {
  namespace: 'default',
  ...{
    workflowId: 'wf',
    workflowType: 't',
    taskQueue: 'q',
    input: [payload],
    header,
    requestId,
    identity: 'me',
    conflictPolicy: 0,
    reusePolicy: 0,
  },
  ...{ runTimeout: duration, executionTimeout: duration, taskTimeout: duration, startDelay: duration, memo, searchAttributes },
  ...{ retryPolicy, cronSchedule: '0 9 * * MON-FRI' },
};
const signal = { namespace: 'default', execution, signalName: 's', input: [payload], header, requestId, identity: 'me' };
const update = { updateId: 'u', updateName: 's', args: [payload], header, identity: 'me' };
const schedule = {
  ...{ number: 1, activityId: 'a', activityType: 't', taskQueue: 'q', input: [payload], header, retryPolicy, callSite: 'c' },
  ...{ scheduleToCloseTimeout: duration, scheduleToStartTimeout: duration, startToCloseTimeout: duration, heartbeatTimeout: duration },
};
const { scheduleToCloseTimeout, scheduleToStartTimeout, startToCloseTimeout, heartbeatTimeout } = schedule;
const limits = { scheduleToCloseTimeout, scheduleToStartTimeout, startToCloseTimeout, heartbeatTimeout };
const options = { taskQueue: 'q', ...limits, retryPolicy };
const activity = { execution, activityId: 'a' };
const markers = [
  { $case: 'sideEffect', value: { number: 1, result: payload } },
  { $case: 'patch', value: { patchId: 'p', deprecated: false } },
  {
    $case: 'localActivity',
    value: {
      ...{ number: 1, activityType: 't', attempt: 1, scheduledTime: duration, time: duration, retryState: 0 },
      outcome: { $case: 'backoff', value: { delay: duration, failure } },
    },
  },
];
const commands = [
  ...markers.map((marker) => ({ attributes: { $case: 'recordMarker', value: { marker, callSite: 'c' } } })),
  { attributes: { $case: 'scheduleActivity', value: schedule } },
  { attributes: { $case: 'startTimer', value: { number: 1, duration, callSite: 'c' } } },
  { attributes: { $case: 'upsertProperties', value: { memo, searchAttributes } } },
  {
    attributes: {
      $case: 'continueAsNew',
      value: {
        ...{
          workflowType: 't',
          taskQueue: 'q',
          input: [payload],
          header,
          runTimeout: duration,
          taskTimeout: duration,
          startDelay: duration,
        },
        ...{ memo, searchAttributes, carry: [3n], retryPolicy },
      },
    },
  },
  { attributes: { $case: 'completeWorkflow', value: { result: payload } } },
  { attributes: { $case: 'failWorkflow', value: { failure } } },
  { attributes: { $case: 'cancelWorkflow', value: { details: [payload] } } },
  { attributes: { $case: 'acceptUpdate', value: { updateId: 'u' } } },
  { attributes: { $case: 'completeUpdate', value: { updateId: 'u', outcome: { $case: 'failure', value: failure } } } },
];
const queryResults = [
  { queryId: 'q', outcome: { $case: 'result', value: payload } },
  { queryId: 'r', outcome: { $case: 'failure', value: failure } },
];
const [workflowTask, activityTask] = [workflowTokenBytes(), activityTokenBytes()];
const completion = {
  token: workflowTask,
  commands,
  queryResults,
  variables: { v: payload },
  newFlags: [],
  forceNewTask: false,
  sticky: true,
  waitingForHandlers: false,
  rejectedUpdates: [{ updateId: 'u', failure }],
};
const followUp = { startedTime: { seconds: 1n, nanos: 0 }, completion: { ...completion, token: new Uint8Array(0) } };
const outcomes = [
  { $case: 'completed', value: { result: payload } },
  { $case: 'failed', value: failure },
  { $case: 'canceled', value: { details: [payload] } },
];
const namespace = 'default';
const none = new Uint8Array(0);
const receivedAnswerIds = ['a'];
const waitTimeout = { seconds: 0n, nanos: 0 };

const settings = {
  ...{ description: 'd', owner: 'o', labels: { team: 't' }, retention: { seconds: 3_600n, nanos: 0 } },
  ...{ limits: { requestsPerSecond: 0, eventPayloadBytes: 0n }, searchAttributes: { City: 1 } },
};

/** By RPC. */
export const requests: Record<keyof Frontend, unknown> = {
  startWorkflow: start,
  startWorkflows: { namespace, items: [start, { ...start, namespace: '' }] },
  signalWorkflow: signal,
  signalWorkflows: { namespace, items: [signal] },
  signalWithStartWorkflow: { namespace, start, signalName: 's', input: [payload], header },
  updateWorkflow: { namespace, execution, request: update, waitStage: 0, waitTimeout },
  updateWithStartWorkflow: { namespace, start, request: update, waitStage: 0, waitTimeout },
  awaitWorkflowUpdate: { namespace, execution, updateId: 'u', waitStage: 0, waitTimeout },
  queryWorkflow: { namespace, execution, queryType: 'q', args: [payload], header, rejectCondition: 0, followRuns: false },
  requestCancelWorkflow: { namespace, execution, reason: 'r', identity: 'i', requestId },
  resetWorkflow: {
    ...{ namespace, execution, reason: 'r', identity: 'i', requestId, excluded: [1], dropResults: true },
    point: { $case: 'step', value: { activityId: 'a', activityType: '', occurrence: 0 } },
  },
  deleteWorkflow: { namespace, execution, reason: 'r', identity: 'i' },
  terminateWorkflow: { namespace, execution, reason: 'r', details: [payload], identity: 'i', requestId },
  pauseWorkflow: { namespace, execution, reason: 'r', identity: 'i', requestId },
  resumeWorkflow: { namespace, execution, reason: 'r', identity: 'i', requestId },
  describeWorkflow: { namespace, execution },
  getWorkflowHistory: { namespace, execution, fromEventId: 0n, toEventId: 0n, maxBytes: 0, wait: false, waitTimeout },
  awaitWorkflowResults: { namespace, executions: [execution], waitTimeout, thisRunOnly: false },
  describeActivity: { namespace, activity },
  pauseActivity: { namespace, activity, reason: 'r', identity: 'i' },
  resumeActivity: { namespace, activity, identity: 'i', jitter: duration },
  resetActivity: {
    ...{ namespace, activity, identity: 'i', jitter: duration },
    ...{ resetHeartbeatDetails: true, keepPaused: true, restoreOptions: true },
  },
  updateActivityOptions: { namespace, activity, identity: 'i', options, restoreOriginal: true },
  listWorkflows: { namespace, filter: "WorkflowId = 'x'", pageSize: 0, pageToken: new Uint8Array(0) },
  countWorkflows: { namespace, filter: "WorkflowId = 'x'", groupBy: 'Status' },
  getSystemInfo: {},
  pollWorkflowTasks: { namespace, taskQueue: 'q', worker, maxTasks: 1, waitTimeout, receivedAnswerIds, stickyOnly: false },
  pollActivityTasks: { namespace, taskQueue: 'q', worker, maxTasks: 1, waitTimeout, receivedAnswerIds },
  completeWorkflowTasks: {
    namespace,
    worker,
    completions: [completion],
    eagerActivitySlots: 1,
    eagerActivityQueues: ['q'],
    receivedAnswerIds,
  },
  failWorkflowTasks: { namespace, worker, failures: [{ token: workflowTask, cause: 1, failure }] },
  completeQueries: { namespace, worker, completions: [{ token: workflowTask, queryResults, cause: 1, failure }] },
  completeActivityTasks: {
    namespace,
    worker,
    completions: [
      ...outcomes.map((outcome) => ({ token: activityTask, outcome, ...(outcome.$case === 'completed' ? { followUp } : {}) })),
      { token: none, outcome: outcomes[2], activity },
    ],
    receivedAnswerIds,
    eagerActivitySlots: 1,
    eagerActivityQueues: ['q'],
  },
  heartbeatActivities: {
    namespace,
    worker,
    heartbeats: [
      { token: activityTask, details: payload },
      { token: none, details: payload, activity },
    ],
    receivedAnswerIds,
  },
  returnTasks: { namespace, worker, untouched: [workflowTask], begun: [activityTask] },
  shutdownWorker: { namespace, taskQueue: 'q', worker },
  createNamespace: { name: 'team', ...settings },
  describeNamespace: { name: 'default' },
  updateNamespace: { name: 'default', ...settings, removeLabels: ['x'] },
  listNamespaces: { pageSize: 0, pageToken: new Uint8Array(0) },
  deleteNamespace: { name: 'spare', terminateOpenRuns: true },
};
