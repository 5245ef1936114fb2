/** Tests of workflows and activities: the real engine in this process, with time that skips. */
export type { ActivityOptions } from './activity.ts';
export { type EnvironmentOptions, TestEnvironment, type TestWorker, type TestWorkerOptions } from './environment.ts';
