// Live equals replay: random scripts of signals, results and cancel requests; a run that stays cached and one that is replayed for every task
// must ask for the same commands, byte for byte.

import { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, describeAnswer, type RunLog } from '../../test/support/run-log.ts';
import { ApplicationFailure } from '../common/failure.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let cached: WorkflowEngine;
let replaying: WorkflowEngine;
beforeAll(async () => {
  cached = await engineFor('scripted.ts');
  replaying = await engineFor('scripted.ts', { strict: true });
}, 20_000);
afterAll(async () => {
  await cached.close();
  await replaying.close();
});

/** What happens outside, between tasks and while one is out. `at` picks among open steps. */
type Happening =
  | { kind: 'signal'; name: 'add' | 'late'; n: number }
  | { kind: 'cancel' }
  | { kind: 'fire' | 'complete' | 'fail' | 'canceled'; at: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('signal' as const), name: fc.constantFrom('add' as const, 'late' as const), n: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('fire' as const, 'complete' as const, 'complete' as const, 'fail' as const),
      at: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('canceled' as const), at: fc.nat(20) }) },
);

interface Turn {
  before: Happening[];
  /** Arrive while the task is out: unseen by it. */
  during: Happening[];
  evict: boolean;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  before: fc.array(happening, { minLength: 1, maxLength: 4 }),
  during: fc.array(happening, { maxLength: 2 }),
  evict: fc.boolean(),
});

/** Applies what is possible; answers whether it must refuse a close. */
function happen(log: RunLog, what: Happening): boolean {
  const pick = (open: Set<number>): number | undefined =>
    what.kind === 'signal' || what.kind === 'cancel' ? undefined : [...open][what.at % Math.max(1, open.size)];
  if (what.kind === 'signal') log.signal(what.name, what.n);
  else if (what.kind === 'cancel') log.cancel();
  else if (what.kind === 'fire') {
    const timer = pick(log.openTimers);
    if (timer !== undefined) log.fire(timer);
  } else {
    const activity = pick(log.openActivities);
    if (activity === undefined) return false;
    if (what.kind === 'complete') log.completeActivity(activity, `result ${activity}`);
    else if (what.kind === 'fail') log.failActivity(activity, ApplicationFailure.retryable(`failed ${activity}`, 'Broken'));
    else log.cancelActivity(activity);
  }
  return what.kind === 'signal' || what.kind === 'cancel';
}

async function oneTask(log: RunLog, next: Turn): Promise<void> {
  const sticky = log.task();
  const full = log.task({ full: true });
  const refuse = next.during.map((what) => happen(log, what)).some(Boolean);
  let left = await cached.activate(sticky);
  if (left.kind === 'needHistory') left = await cached.activate(full);
  replaying.evict(log.runId);
  const right = await replaying.activate(full);
  if (left.kind !== 'completed') throw new Error(describeAnswer(left));
  if (right.kind !== 'completed') throw new Error(describeAnswer(right));
  expect(right.completion).toEqual(left.completion);
  expect(WorkflowTaskCompletion.encode(right.completion).finish()).toEqual(WorkflowTaskCompletion.encode(left.completion).finish());
  if (!left.completion.sticky && refuse) {
    // UNSEEN_EVENTS: the whole completion is dropped, and the worker forgets the run.
    cached.evict(log.runId);
    return;
  }
  const id = log.append(left.completion, full);
  cached.committed(log.runId, id, log.closed);
  if (next.evict) cached.evict(log.runId);
}

test.each(['rounds', 'races', 'locked'])(
  'R-REPLAY-1, %s: the same commands from the cache and from the log',
  { timeout: 60_000 },
  async (workflowType) => {
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 15 }), async (turns) => {
        const log = createRunLog(workflowType, [4]);
        for (const next of turns) {
          await oneTask(log, next);
          if (log.closed) break;
          for (const what of next.before) happen(log, what);
        }
      }),
      { numRuns: 60 },
    );
  },
);
