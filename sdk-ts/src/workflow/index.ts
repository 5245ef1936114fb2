// What workflow code imports as @perdure/sdk/workflow. Definitions and error classes also work outside, for clients.

export type { Duration } from '../common/duration.ts';
export {
  ActivityFailure,
  ApplicationFailure,
  type ApplicationFailureOptions,
  CancelledFailure,
  ChildWorkflowFailure,
  isCancellation,
  PerdureFailure,
  ServiceFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '../common/failure.ts';
export type { Around, Headers } from '../common/interceptor.ts';
export {
  bytesConverter,
  chainConverters,
  defaultPayloadConverter,
  type FailureConverter,
  jsonConverter,
  type Payload,
  type PayloadConverter,
  PayloadDecodeError,
  PayloadEncodeError,
  type ProtobufType,
  protobufConverter,
  undefinedConverter,
} from '../common/payload-converter.ts';
export {
  defineSearchAttribute,
  type SearchAttribute,
  type SearchAttributeKey,
  type SearchAttributeTypeName,
} from '../common/search-attribute.ts';
export {
  type ActivityCancellationType,
  type ActivityOptions,
  type ActivityProxy,
  executeActivity,
  proxyActivities,
  type RetryPolicy,
} from './activity.ts';
export type { ChildCancellationType } from './child.ts';
export {
  type ChildWorkflowHandle,
  type ChildWorkflowOptions,
  type ChildWorkflowSettings,
  executeChild,
  startChild,
} from './children.ts';
export { condition } from './condition.ts';
export { type ContinueAsNewOptions, continueAsNew, makeContinueAsNewFunc } from './continue-as-new.ts';
export { type ExternalWorkflowHandle, getExternalWorkflowHandle } from './external.ts';
export { allHandlersFinished } from './handler.ts';
export { random, uuid4, type WorkflowInfo, workflowInfo } from './info.ts';
export type {
  ActivityInput,
  ContinueAsNewInput,
  ExecuteInput,
  QueryInput,
  SignalExternalInput,
  SignalInput,
  SleepInput,
  StartChildInput,
  StartedChild,
  UpdateInput,
  WorkflowInbound,
  WorkflowInterceptors,
  WorkflowOutbound,
} from './interceptor.ts';
export { log } from './log.ts';
export { type MetricTags, metrics } from './metrics.ts';
export { deprecatePatch, patched } from './patch.ts';
export { upsertMemo, upsertSearchAttributes } from './properties.ts';
export { defineQuery, type QueryDefinition, setDefaultQueryHandler } from './query.ts';
export { ReadOnlyError } from './run.ts';
export { type Saga, type SagaOptions, saga } from './saga.ts';
export { CancellationScope } from './scope.ts';
export { setHandler } from './set-handler.ts';
export { sideEffect } from './side-effect.ts';
export { defineSignal, type SignalDefinition, setDefaultSignalHandler } from './signal.ts';
export { sleep, waitUntil } from './timer.ts';
export { defineUpdate, setDefaultUpdateHandler, type UpdateDefinition, type UpdateHandlerOptions } from './update.ts';
export { setVar } from './variable.ts';
export { setWorkflowOptions } from './workflow.ts';
