// Sagas: steps with what undoes them.
//
// | the body ended with                     | compensations | then                                                       |
// |-----------------------------------------|---------------|------------------------------------------------------------|
// | a value                                 | none          | the value                                                  |
// | a failure of the run, or a cancellation | all, reversed | the same error; ApplicationFailure if compensations failed |
// | anything else: the task fails           | none          | the same error: corrected code goes on where this one was  |

import { ApplicationFailure } from '../common/failure.ts';
import { ContinueAsNew } from './continue-as-new.ts';
import { log } from './log.ts';
import { writableRun } from './run.ts';
import { CancellationScope } from './scope.ts';
import { failsRun } from './workflow.ts';

type Compensation = () => unknown;

/** Type of the ApplicationFailure when a compensation failed. */
const COMPENSATION_FAILED = 'CompensationFailed';

export interface Saga {
  /**
   * Registers what undoes a step. Call it before the step: one that fails may have had its effect all the same, so what undoes it must bear
   * being called for nothing.
   */
  addCompensation(compensation: () => unknown): void;
}

export interface SagaOptions {
  /** Begins all compensations at once instead of one after the other. Default false. */
  parallel?: boolean;
}

/**
 * Runs `body`. If it fails or is cancelled, its compensations run, the last registered first, protected from cancellation; then the error is
 * thrown on. All are tried: if some fail, the error is an ApplicationFailure of type "CompensationFailed" with one message per failed
 * compensation as details, and what went wrong first as its cause. Errors that fail the workflow task and not the run (see docs/sdk.md)
 * compensate nothing.
 */
export async function saga<T>(body: (saga: Saga) => Promise<T>, options: SagaOptions = {}): Promise<T> {
  const run = writableRun('saga');
  const compensations: Compensation[] = [];
  try {
    return await body({
      addCompensation(compensation) {
        if (typeof compensation !== 'function') throw new TypeError('addCompensation: the compensation must be a function');
        compensations.unshift(compensation);
      },
    });
  } catch (error) {
    if (error instanceof ContinueAsNew || !failsRun(run, error) || compensations.length === 0) throw error;
    const failed = await CancellationScope.nonCancellable(() => compensate(compensations, options.parallel ?? false));
    for (const reason of failed) if (!failsRun(run, reason)) throw reason;
    if (failed.length === 0) throw error;
    throw compensationFailed(error, failed, compensations.length);
  }
}

/** Runs all; answers what went wrong, in the order in which they were begun. */
async function compensate(compensations: readonly Compensation[], parallel: boolean): Promise<unknown[]> {
  const failed: unknown[] = [];
  if (parallel) {
    const ends = await Promise.allSettled(compensations.map(async (compensation) => await compensation()));
    for (const end of ends) if (end.status === 'rejected') failed.push(end.reason);
    return failed;
  }
  for (const compensation of compensations) {
    try {
      await compensation();
    } catch (error) {
      failed.push(error);
      log.warn(`a compensation failed: ${messageOf(error)}`);
    }
  }
  return failed;
}

function compensationFailed(error: unknown, failed: readonly unknown[], count: number): ApplicationFailure {
  const details = failed.map(messageOf);
  const message = `${messageOf(error)}; then ${failed.length} of ${count} compensations failed: ${details.join('; ')}`;
  return new ApplicationFailure({ message, type: COMPENSATION_FAILED, details, nonRetryable: true, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
