import { expect, test } from 'vitest';
import { createTestLink, workflowTask } from '../../test/support/tasks.ts';
import { pollWorkflowTasks } from './poll.ts';
import { createSlots } from './slots.ts';

test('no workflow task is asked for while none can be run', async () => {
  let ready = Promise.withResolvers<void>();
  let blocked = true;
  const { link, clock, calls } = pollLink();
  const slots = createSlots(clock, 8);
  const delivered: number[] = [];
  const polling = pollWorkflowTasks(link, {
    polls: 1,
    slots,
    deliver(tasks) {
      delivered.push(tasks.length);
      slots.release(tasks.length);
      blocked = true;
      ready = Promise.withResolvers<void>();
    },
    whenReady: () => (blocked ? ready.promise : undefined),
  });
  await clock.advance(60_000);
  expect(calls()).toBe(0);
  blocked = false;
  ready.resolve();
  await clock.advance(10);
  expect(delivered).toEqual([1]);
  await clock.advance(60_000);
  expect(calls()).toBe(1);
  // Stopping does not wait for it.
  link.stop();
  await polling;
  expect(slots.free()).toBe(8);
});

function pollLink(): Pick<ReturnType<typeof createTestLink>, 'link' | 'clock'> & { calls(): number } {
  let calls = 0;
  const { link, clock } = createTestLink({
    pollWorkflowTasks: () => {
      calls += 1;
      return { answerId: '', tasks: [workflowTask('a')] };
    },
  });
  return { link, clock, calls: () => calls };
}
