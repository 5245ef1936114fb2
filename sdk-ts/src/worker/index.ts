/** Workers: processes that run workflow and activity code. */

export type { ActivityExecuteInput, ActivityInterceptor } from '../activity/interceptor.ts';
export type { Api, CallOptions } from '../common/api.ts';
export type { Clock, ClockTimer } from '../common/clock.ts';
export { type Connection, type ConnectOptions, connect } from '../common/connection.ts';
export type { DataConverter, PayloadCodec } from '../common/data-converter.ts';
export type { Duration } from '../common/duration.ts';
export { NondeterminismError, type StepView } from '../common/failure.ts';
export type { Log, LogLevel } from '../common/log.ts';
export { ServiceError } from '../common/service-error.ts';
export { type BundleOptions, bundleWorkflows } from '../sandbox/bundle.ts';
export type { WorkflowBundle } from './engine.ts';
export type { WorkerDataConverter, WorkerOptions, WorkflowMetric } from './options.ts';
export type { ReplayOptions } from './replay.ts';
export { Worker } from './worker.ts';
