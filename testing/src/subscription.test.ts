// The example of the docs: a subscription of a year, whose payments fail as the test says.
import { expect, test } from 'vitest';
import type { Charge } from '../../examples/subscription/activities.ts';
import { subscription } from '../../examples/subscription/workflows.ts';
import { TestEnvironment } from './index.ts';

const MONTH = 30 * 86_400_000;

test('twelve months are paid in a moment; what cannot be collected is carried over', async () => {
  await using env = await TestEnvironment.create({ startTime: new Date('2026-01-01T00:00:00Z') });
  const charged: Charge[] = [];
  const charge = async (payment: Charge): Promise<string> => {
    // The provider is away in March.
    if (payment.cycle === 3) throw new Error('payment provider answered 503');
    charged.push(payment);
    return `receipt ${payment.cycle}`;
  };
  await env.createWorker({ workflows: new URL('../../examples/subscription/workflows.ts', import.meta.url), activities: { charge } });
  const outcome = await env.client.execute(subscription, {
    workflowId: 'subscription-7',
    taskQueue: 'test',
    args: [{ totalAmount: 120_00, cycles: 12, cycleDuration: MONTH }],
  });
  expect(outcome).toEqual({ paid: 120_00, overdue: 0 });
  expect(charged.map(({ cycle }) => cycle)).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(charged[2]).toEqual({ cycle: 4, amount: 20_00 });
  expect(env.now().getTime()).toBeGreaterThanOrEqual(Date.parse('2026-01-01T00:00:00Z') + 12 * MONTH);
});
