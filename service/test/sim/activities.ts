/** Activities of the simulation, and the ledger of all their executions: the outside world that remembers. */
import { Context } from '@perdure/sdk/activity';
import type { Random } from './random.ts';

/** One execution of activity code. */
export interface Execution {
  readonly runId: string;
  readonly activityId: string;
  readonly type: string;
  /** Of the worker. */
  readonly namespace: string;
  readonly attempt: number;
  /** Unique: results carry it where they can. */
  readonly id: number;
}

export interface Activities {
  double(value: number): Promise<number>;
  charge(number: number): Promise<string>;
  beat(seconds: number): Promise<number>;
  linger(ms: number): Promise<number>;
  /** `bytes` of something, or more of the same. */
  haul(bytes: number, sample?: string): Promise<string>;
}

/** Activities of one worker process. They fail and take time as chance will have it. */
export function createActivities(random: Random, ledger: Execution[], namespace: string, healed: () => boolean): Activities {
  const enter = async (): Promise<Execution> => {
    const context = Context.current();
    const { workflowExecution, activityId, activityType, attempt } = context.info;
    const execution = { runId: workflowExecution.runId, activityId, type: activityType, namespace, attempt, id: ledger.length + 1 };
    ledger.push(execution);
    if (random.chance(0.5)) await context.sleep(Math.floor(random.next() ** 3 * 2_000));
    return execution;
  };
  const stumble = (probability: number): void => {
    if (!healed() && random.chance(probability)) throw new Error('stumbled');
  };
  return {
    async double(value) {
      await enter();
      stumble(0.2);
      return 2 * value;
    },
    async charge() {
      const { id } = await enter();
      stumble(0.4);
      return `charged ${id}`;
    },
    async beat(seconds) {
      const context = Context.current();
      await enter();
      for (let second = Number(context.info.heartbeatDetails ?? 0); second < seconds; second += 1) {
        await context.sleep(1_000);
        context.heartbeat(second + 1);
      }
      return seconds;
    },
    async linger(ms) {
      await enter();
      await Context.current().sleep(ms);
      return ms;
    },
    async haul(bytes, sample = 'abcdefghij') {
      await enter();
      stumble(0.2);
      return sample.slice(0, 10).repeat(bytes / 10);
    },
  };
}
