// Side effects and patches: what is recorded, and what replay makes of it.

import { History } from '@perdure/proto/perdure/api/v1/event';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, describeAnswer, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('markers.ts');
}, 20_000);
afterAll(async () => await engine.close());

/** The next task of the run, replayed from its first event by the code of another type. */
async function goOnAs(log: RunLog, type: string): Promise<string[]> {
  engine.evict(log.runId);
  const task = log.task({ full: true });
  const { events } = History.decode(task.history);
  const first = events[0]?.attributes;
  if (first?.$case === 'workflowStarted') first.value.workflowType = type;
  const answer = await engine.activate({ ...task, workflowType: type, history: History.encode({ events }).finish() });
  if (answer.kind !== 'completed') throw new Error(describeAnswer(answer));
  log.append(answer.completion);
  engine.evict(log.runId);
  return lines(answer.completion);
}

test('R-MARKER-3: a side effect is asked for once, and replay gets what was recorded', async () => {
  const log = createRunLog('effects');
  const [first = '', timer] = lines(await log.run(engine));
  expect(first).toMatch(/^side effect 1 \{"asked":1,"random":0\.\d+\}$/);
  expect(timer).toBe('timer 1 1000');
  log.fire(1);
  const value = first.slice('side effect 1 '.length);
  // Module state is new here, so that a second call would be seen; draws inside do not move the run's stream.
  const [second, end] = await goOnAs(log, 'effects');
  expect(second).toBe('side effect 2 "second"');
  expect(end).toMatch(new RegExp(`^complete \\[${value.replace(/[{}.]/g, '\\$&')},"[0-9a-f-]{36}","second"\\]$`));
});

test('R-MARKER-3: a side effect that the log does not hold, and one that the code has lost', async () => {
  const without = createRunLog('noEffects');
  await without.run(engine);
  without.fire(1);
  await expect(goOnAs(without, 'effects')).rejects.toThrow(/Recorded: start timer 1.*Produced: side effect 1/);
  const log = createRunLog('effects');
  await log.run(engine);
  log.fire(1);
  await expect(goOnAs(log, 'noEffects')).rejects.toThrow(/Recorded: side effect 1 at sdk-ts\/test\/workflows\/markers\.ts:\d+:\d+/);
});

test('the function of a side effect only reads, and is synchronous', async () => {
  await expect(createRunLog('asyncEffect').run(engine)).rejects.toThrow('sideEffect: the function must not be async');
  await expect(createRunLog('writingEffect').run(engine)).rejects.toThrow('not allowed in the function of sideEffect()');
});

test('R-PATCH-1: a new run takes the new way, and says so once', async () => {
  const log = createRunLog('changed');
  expect(lines(await log.run(engine))).toEqual(['patch new way', 'activity 1 new()']);
  log.completeActivity(1);
  expect(await goOnAs(log, 'changed')).toEqual(['activity 2 new()']);
  log.completeActivity(2);
  expect(await goOnAs(log, 'changed')).toEqual(['complete true']);
});

test('R-PATCH-1: a run that went the old way goes on, and takes the new one where it comes for the first time', async () => {
  const log = createRunLog('before');
  expect(lines(await log.run(engine))).toEqual(['activity 1 old()']);
  log.completeActivity(1);
  // The first round is in the log as it was; the second is new.
  expect(await goOnAs(log, 'changed')).toEqual(['patch new way', 'activity 2 new()']);
  log.completeActivity(2);
  expect(await goOnAs(log, 'changed')).toEqual(['complete true']);
});

test('R-PATCH-2: deprecated code replays runs with the patch; its own runs do not need it any more', async () => {
  const log = createRunLog('changed');
  await log.run(engine);
  log.completeActivity(1);
  expect(await goOnAs(log, 'deprecated')).toEqual(['activity 2 new()']);
  const later = createRunLog('deprecated');
  expect(lines(await later.run(engine))).toEqual(['patch new way deprecated', 'activity 1 new()']);
  later.completeActivity(1);
  expect(await goOnAs(later, 'after')).toEqual(['activity 2 new()']);
});

test('R-PATCH-2: a patch that the code does not ask for any more is a mismatch', async () => {
  const log = createRunLog('changed');
  await log.run(engine);
  log.completeActivity(1);
  const told =
    /at event 3 .*Recorded: patch "new way" at sdk-ts\/test\/workflows\/markers\.ts:\d+:\d+ \[build build-1\]\. Produced: nothing/;
  await expect(goOnAs(log, 'after')).rejects.toThrow(told);
});
