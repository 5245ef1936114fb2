// Runs a random program (test/support/programs.ts) as workflow code. Everything observable goes to the trace, which is the result.

import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  setHandler,
  setVar,
  sideEffect,
  sleep,
  startChild,
  upsertMemo,
  uuid4,
  workflowInfo,
} from '@perdure/sdk/workflow';
import type { Cancellation, Program, SignalName, Statement } from '../support/programs.ts';

interface Activities {
  work(...args: unknown[]): Promise<unknown>;
}
const proxies: Record<Cancellation, Activities> = {
  wait: proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'wait' }),
  try: proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'try' }),
  abandon: proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'abandon' }),
};
const signals = { one: defineSignal<[n: number]>('one'), two: defineSignal<[n: number]>('two') };

const change = defineUpdate<number, [n: number]>('change');

type Nesting = Extract<Statement, { do: 'all' | 'race' | 'try' | 'scope' | 'limit' | 'cancelAfter' | 'patched' }>;
type Execute = (statement: Statement, path: string) => Promise<void>;

class Machine {
  readonly trace: string[] = [];
  handled = 0;

  note(path: string, what: unknown): void {
    this.trace.push(`${path} ${what instanceof Error ? `${what.name}: ${what.message}` : String(what)}`);
  }

  async run(program: Program, path: string): Promise<void> {
    for (const [at, statement] of program.entries()) await this.execute(statement, `${path}.${at}${statement.do}`);
  }

  /** Never rejects. */
  async branch(program: Program, path: string): Promise<void> {
    try {
      await this.run(program, path);
      this.note(path, 'ends');
    } catch (error) {
      this.note(path, error);
    }
  }

  execute: Execute = async (statement, path) => {
    switch (statement.do) {
      case 'activity':
        return this.note(path, await proxies[statement.cancellation].work(path));
      case 'child':
        return await this.child(statement, path);
      case 'send': {
        const other = getExternalWorkflowHandle('other');
        await (statement.what === 'signal' ? other.signal(signals.one, this.trace.length) : other.cancel());
        return this.note(path, 'sent');
      }
      case 'sideEffect':
        return this.note(
          path,
          sideEffect(() => Math.random()),
        );
      case 'update':
        return this.update(statement.body, path);
      case 'sleep':
        await sleep(statement.ms);
        return this.note(path, Date.now());
      case 'condition':
        return await this.wait(statement.signals, statement.ms, path);
      case 'handle':
        return this.handle(statement.signal, statement.body, path);
      case 'observe':
        return await this.observe(path);
      case 'setVar':
        return setVar(path.slice(-20), this.trace.length);
      case 'upsert':
        return upsertMemo({ [path.slice(-20)]: this.trace.length });
      case 'throw':
        throw ApplicationFailure.nonRetryable(`thrown at ${path}`, 'Thrown');
      case 'continueAsNew':
        return continueAsNew<typeof again>(this.trace.length);
      default:
        return await this.nest(statement, path);
    }
  };

  async wait(count: number, ms: number | undefined, path: string): Promise<void> {
    const enough = (): boolean => this.handled >= count;
    this.note(path, ms === undefined ? await condition(enough) : await condition(enough, ms));
  }

  async child({ how, cancellation }: Extract<Statement, { do: 'child' }>, path: string): Promise<void> {
    const options = { args: [path], cancellationType: cancellation };
    if (how === 'execute') return this.note(path, await executeChild('child', options));
    const handle = await startChild('child', options);
    this.note(path, handle.firstExecutionRunId);
    if (how === 'leave') return;
    if (how === 'signal') await handle.signal(signals.two, this.trace.length);
    this.note(path, await handle.result());
  }

  update(body: Program, path: string): void {
    const validator = (n: number): void => {
      if (n % 3 === 0) throw new Error(`${n} after ${this.trace.length}`);
    };
    setHandler(
      change,
      async (n) => {
        this.note(path, n);
        await this.branch(body, `${path}.${n}`);
        this.handled += 1;
        return this.trace.length;
      },
      { validator },
    );
  }

  handle(signal: SignalName, body: Program, path: string): void {
    setHandler(signals[signal], async (n) => {
      this.note(path, n);
      await this.branch(body, `${path}.${n}`);
      this.handled += 1;
    });
  }

  async observe(path: string): Promise<void> {
    const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
    const facts = { now: Date.now(), random: Math.random(), id: uuid4(), historyLength, historySize, continueAsNewSuggested };
    this.note(path, await proxies.wait.work(path, facts));
  }

  async nest(statement: Nesting, path: string): Promise<void> {
    switch (statement.do) {
      case 'patched':
        return await this.run(patched(statement.id) ? statement.body : statement.before, path);
      case 'all':
        await Promise.all(statement.branches.map((branch, at) => this.branch(branch, `${path}.${at}`)));
        return;
      case 'race':
        await Promise.race(statement.branches.map((branch, at) => this.branch(branch, `${path}.${at}`)));
        return this.note(path, 'won');
      case 'try':
        return await this.run(statement.body, path).catch(async (error: unknown) => {
          this.note(path, error);
          await this.run(statement.rescue, `${path}.rescue`);
        });
      case 'scope':
        return await CancellationScope[statement.kind](() => this.run(statement.body, path));
      case 'limit':
        return await CancellationScope.withTimeout(statement.ms, () => this.run(statement.body, path));
      case 'cancelAfter': {
        const scope = new CancellationScope();
        const inside = scope.run(() => this.branch(statement.body, path));
        await this.branch(statement.beside, `${path}.beside`);
        scope.cancel();
        return await inside;
      }
    }
  }
}

declare function again(traced: number): Promise<void>;

export const traced = defineQuery<readonly unknown[]>('traced');

export async function interpret(program: Program): Promise<readonly string[]> {
  const machine = new Machine();
  // A query may draw: that must not move what the code draws.
  setHandler(traced, () => [Math.random(), ...machine.trace]);
  try {
    await machine.run(program, '');
  } catch (error) {
    machine.note('main', error);
    if (error instanceof ApplicationFailure) throw ApplicationFailure.nonRetryable('the program failed', 'Failed', machine.trace);
    throw error;
  }
  return machine.trace;
}
