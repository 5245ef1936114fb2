// Properties of the core on random runs. A failing run is printed with its seed; PROPERTY_RUNS widens the search.
import { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Checked, checkLog, startChecked } from '../../test/support/core/checks.ts';
import { type Draw, finish, move, moves } from '../../test/support/core/random.ts';
import { readCheckpoint } from './checkpoint.ts';
import { eventFolds, markFolds } from './fold.ts';
import type { StartInput } from './inputs.ts';

const numRuns = Number(process.env.PROPERTY_RUNS ?? 150);

// What happens often in life happens often here.
const weights: Partial<Record<Draw['kind'], number>> = {
  claimTask: 24,
  completeTask: 24,
  claimActivity: 24,
  endActivity: 10,
  followUp: 20,
  advance: 18,
  heartbeat: 6,
  signal: 6,
  update: 8,
  reload: 5,
  answerEffect: 14,
  childClosed: 5,
  fork: 1,
  delete: 1,
  operate: 6,
  terminate: 1,
};
const kinds = (Object.keys(moves) as Draw['kind'][]).map((kind) => ({ weight: weights[kind] ?? 3, arbitrary: fc.constant(kind) }));
const draws = fc.array(fc.record({ kind: fc.oneof(...kinds), a: fc.nat(5_000), b: fc.nat(5_000) }), {
  minLength: 5,
  maxLength: 80,
  size: 'max',
});
const limits = fc.record({
  runTimeoutMs: fc.constantFrom(0, 0, 0, 30_000),
  executionTimeoutMs: fc.constantFrom(0, 0, 0, 100_000),
  startDelayMs: fc.constantFrom(0, 0, 5_000),
  retryPolicy: fc.constantFrom(undefined, undefined, RetryPolicy.create({ maximumAttempts: 3 })),
  cronSchedule: fc.constantFrom('', '', '* * * * *', '@every 30s'),
  parent: fc.constantFrom(undefined, { workflowId: 'w9', runId: 'run-9', scheduledEventId: 3n, number: 1 }),
});

type Limits = Pick<StartInput, 'runTimeoutMs' | 'executionTimeoutMs' | 'startDelayMs' | 'retryPolicy' | 'cronSchedule' | 'parent'>;

function begin(chosen: Limits): Checked {
  return startChecked({
    namespaceId: '',
    workflowId: 'order-7',
    workflowType: 'order',
    taskQueue: 'main',
    input: [],
    header: undefined,
    requestId: '',
    identity: '',
    conflictPolicy: 1,
    reusePolicy: 1,
    taskTimeoutMs: 10_000,
    memo: {},
    searchAttributes: {},
    retentionMs: 0,
    ...chosen,
  });
}

test('R-LOG-1 R-LOG-3 R-LOG-4 R-LOG-5 R-TASK-3 R-TASK-9 R-TIMER-1 R-TIMER-2 R-DUE-1 R-DUE-3 R-MATCH-1 R-CHAIN-2 R-CHAIN-4 R-CHAIN-11 R-EFFECT-1 R-EFFECT-3 R-CHILD-4 R-CHILD-5 hold on random runs', () => {
  fc.assert(
    fc.property(limits, draws, (chosen, drawn) => {
      const run = begin(chosen);
      for (const [index, draw] of drawn.entries()) {
        move(run, draw);
        if (index % 16 === 15) checkLog(run);
      }
      checkLog(run);
    }),
    { numRuns },
  );
});

test('random runs reach every event and every mark, and follow-ups of both ends', { timeout: 60_000 }, () => {
  const reached = new Set<string>();
  const followUps = { taken: 0, leftOut: 0 };
  for (const [chosen, drawn] of fc.sample(fc.tuple(limits, draws), { seed: 7, numRuns: 800 })) {
    const run = begin(chosen);
    for (const draw of drawn) move(run, draw);
    for (const kind of run.kinds) reached.add(kind);
    followUps.taken += run.followUps.taken;
    followUps.leftOut += run.followUps.leftOut;
  }
  // Written by forks only.
  const byForks = ['updateAdmitted', 'updateRejected'];
  const all = [...Object.keys(eventFolds), ...Object.keys(markFolds)].filter((kind) => !byForks.includes(kind));
  expect(all.filter((kind) => !reached.has(kind))).toEqual([]);
  expect(Math.min(followUps.taken, followUps.leftOut)).toBeGreaterThan(20);
});

test('every run can be brought to its end, whatever happened before', () => {
  fc.assert(
    fc.property(limits, draws, (chosen, drawn) => {
      const run = begin(chosen);
      for (const draw of drawn) move(run, draw);
      finish(run);
      checkLog(run);
    }),
    { numRuns: Math.ceil(numRuns / 2) },
  );
});

test('what is not a checkpoint is ignored', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(readCheckpoint(bytes, 0)).toBeUndefined();
      expect(readCheckpoint(Uint8Array.of(2, ...bytes), 0)).toBeUndefined();
      expect(readCheckpoint(Uint8Array.of(2, 0xff, 0x0f, ...bytes), 0)).toBeUndefined();
    }),
    { numRuns: 1_000 },
  );
});
