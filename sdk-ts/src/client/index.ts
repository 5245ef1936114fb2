/** Clients: programs that start workflows and talk to them. */
export type { Api, CallOptions } from '../common/api.ts';
export type { Clock, ClockTimer } from '../common/clock.ts';
export { type Connection, type ConnectOptions, connect } from '../common/connection.ts';
export type { DataConverter, PayloadCodec } from '../common/data-converter.ts';
export type { Duration } from '../common/duration.ts';
export {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  NondeterminismError,
  ServiceFailure,
  type StepView,
  TerminatedFailure,
  TimeoutFailure,
} from '../common/failure.ts';
export type { Around, Headers } from '../common/interceptor.ts';
export type { Log, LogLevel } from '../common/log.ts';
export {
  bytesConverter,
  chainConverters,
  defaultPayloadConverter,
  type FailureConverter,
  jsonConverter,
  type Payload,
  type PayloadConverter,
  type ProtobufType,
  protobufConverter,
  undefinedConverter,
} from '../common/payload-converter.ts';
export type { RetryOptions } from '../common/retry.ts';
export type { RetryPolicy } from '../common/retry-policy.ts';
export {
  defineSearchAttribute,
  type SearchAttribute,
  type SearchAttributeKey,
  type SearchAttributeTypeName,
} from '../common/search-attribute.ts';
export { ServiceError } from '../common/service-error.ts';
export type { Json, ResultOf, Workflow } from '../common/types.ts';
export type { Activities, ActivityAnswer, ActivityId } from './activity.ts';
export { Client, type ClientOptions, type ListOptions } from './client.ts';
export type { PendingActivityDescription, WorkflowDescription, WorkflowListEntry, WorkflowStatusName } from './description.ts';
export {
  ActivityNotFoundError,
  type FailedStatus,
  QueryRejectedError,
  WorkflowAlreadyStartedError,
  WorkflowContinuedAsNewError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRejectedError,
} from './errors.ts';
export type { HistoryOptions, QueryLike, ResultOptions, SignalLike, WorkflowHandle } from './handle.ts';
export type { CancelInput, ClientInterceptor, ClientQueryInput, ClientSignalInput, StartInput, TerminateInput } from './interceptor.ts';
export type { NamespaceDescription, NamespaceSettings, Namespaces } from './namespaces.ts';
export type { ResetOptions } from './reset.ts';
export type { StartOptions, StartSettings } from './start.ts';
export type { UpdateHandle, UpdateLike, UpdateOptions } from './update.ts';
export type { SignalWithStartOptions, StartedHandle, UpdateWithStartOptions } from './with-start.ts';
