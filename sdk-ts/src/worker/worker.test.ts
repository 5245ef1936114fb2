import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import { createScriptedApi, never, type Script } from '../../test/support/scripted-api.ts';
import { activityTask, text } from '../../test/support/tasks.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { activityTable } from './options.ts';
import { Worker } from './worker.ts';

const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
const base = { connection: createScriptedApi({}).api, taskQueue: 'q', handleSignals: false };

test.each<[object, string]>([
  [{ taskQueue: '' }, 'taskQueue: must not be empty'],
  [{ activities: undefined }, 'workflows, activities: a worker needs at least one of them'],
  [{ address: 'localhost:1' }, 'address: not together with connection'],
  [{ polls: 5 }, 'polls: 5 is not a whole number from 1 to 4'],
  [{ maxConcurrentActivities: 0 }, 'maxConcurrentActivities: 0 is not a whole number from 1 to 100000'],
  [{ maxActivitiesPerSecond: 0 }, 'maxActivitiesPerSecond: 0 is not a number above 0, at most 1000000'],
  [
    { workflows: fixture('basic.ts'), dataConverter: { payloadConverter: {} } },
    'dataConverter.payloadConverter: workflow code needs its module',
  ],
  [{ dataConverter: { payloadConverterModule: fixture('basic.ts') } }, 'exports no payloadConverter with toPayload and fromPayload'],
  [{ shutdownGrace: 'long' }, 'shutdownGrace: "long" is not a length of time'],
  [{ activities: { a: 1 } }, 'activities: holds no function'],
  [{ taskQueue: 'a\ud800' }, 'taskQueue: "a\\ud800" holds half of a surrogate pair'],
  [{ namespace: 5 }, 'namespace: must be text, not number'],
  [{ cacheBytes: -1 }, 'cacheBytes: -1 is not a whole number from 1'],
  [{ workflows: fixture('no-workflow.ts') }, 'no-workflow.ts export no function'],
])('the option %j is refused: %s', async (options, message) => {
  await expect(Worker.create({ ...base, activities: { work: () => 1 }, ...options })).rejects.toThrow(message);
});

test('activities are functions of an object, or methods of an instance with their this', () => {
  class Base {
    protected readonly prefix: string;
    constructor(prefix: string) {
      this.prefix = prefix;
    }
    inherited(): string {
      return `${this.prefix}i`;
    }
  }
  class Activities extends Base {
    own(): string {
      return `${this.prefix}o`;
    }
    arrow = (): string => `${this.prefix}a`;
    notOne = 5;
  }
  const table = activityTable(new Activities('p-'));
  expect([...table.keys()].sort()).toEqual(['arrow', 'inherited', 'own']);
  expect([...table.values()].map((call) => call()).sort()).toEqual(['p-a', 'p-i', 'p-o']);
});

test('a worker runs workflow and activity code in virtual time, once', async () => {
  const clock = createVirtualClock();
  const log = createRunLog('hello', ['Ada']);
  let workflowTasks: WorkflowTask[] = [log.task()];
  const completed: WorkflowTaskCompletion[] = [];
  const script: Script = {
    pollWorkflowTasks: async (request, call) => {
      const tasks = workflowTasks.splice(0, request.maxTasks);
      return tasks.length > 0 ? { answerId: 'w', tasks } : await never(call?.abort);
    },
    pollActivityTasks: (_, call) => never(call?.abort),
    completeWorkflowTasks: (request) => {
      completed.push(...request.completions);
      const activityTasks = completed.length === 1 ? [activityTask('eager', { type: 'greet', args: ['Ada'] })] : [];
      return {
        answerId: 'c',
        activityTasks,
        results: request.completions.map(() => ({
          outcome: {
            $case: 'ok' as const,
            value: { completedEventId: 2n, closed: completed.length > 1, nextTask: undefined, prolonged: false },
          },
        })),
      };
    },
    completeActivityTasks: (request) => ({
      errors: request.completions.map(() => taken),
      followUps: [],
      answerId: '',
      activityTasks: [],
    }),
    shutdownWorker: () => ({}),
    returnTasks: () => ({}),
  };
  const { api, requests } = createScriptedApi(script);
  const printed: string[] = [];
  const worker = await Worker.create({
    connection: api,
    taskQueue: 'q',
    workflows: fixture('basic.ts'),
    activities: { greet: async (name: string) => `Hello, ${name}!` },
    handleSignals: false,
    engine: 'inline',
    clock,
    log: (level, message) => printed.push(`${level}: ${message}`),
  });
  expect(worker.workflowTypes).toContain('hello');
  const ran = worker.run();
  await expect(worker.run()).rejects.toThrow('this worker was run already');
  // The engine takes real time, the clock stands still.
  await expect
    .poll(async () => {
      await clock.settle();
      return requests('completeActivityTasks').length;
    })
    .toBe(1);
  expect(completed.map((completion) => lines(completion))).toEqual([['activity 1 greet("Ada")']]);
  const [ended] = requests('completeActivityTasks')[0]?.completions ?? [];
  expect(ended?.outcome?.$case === 'completed' && ended.outcome.value.result && text(ended.outcome.value.result.data)).toBe(
    '"Hello, Ada!"',
  );
  workflowTasks = [];
  worker.shutdown();
  await clock.advance(1_500);
  await ran;
  expect(clock.timers()).toBe(0);
  expect(printed).toEqual(['info: the worker takes tasks', 'info: the worker shuts down', 'info: the worker has stopped']);
});
