// Workflows for tests of updates.
import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeActivity,
  log,
  setDefaultUpdateHandler,
  setHandler,
  setWorkflowOptions,
  sleep,
  uuid4,
} from '@perdure/sdk/workflow';

export const add = defineUpdate<number, [amount: number]>('add');
export const slow = defineUpdate<string, [ms: number]>('slow');
export const close = defineSignal('close');
const total = defineQuery<unknown[]>('total');

/** Takes amounts until it is told to close; every step is noted. */
export async function till(): Promise<unknown[]> {
  const notes: unknown[] = [];
  let sum = 0;
  let closed = false;
  setHandler(total, () => [...notes, Date.now()]);
  setHandler(close, () => {
    closed = true;
  });
  setHandler(
    add,
    async (amount) => {
      sum += amount;
      notes.push(`add ${amount}`);
      if (amount > 100) await executeActivity('check', { startToCloseTimeout: '1m' });
      return sum;
    },
    {
      validator(amount) {
        // What it draws and sees leaves no trace.
        uuid4();
        if (amount === 13) throw new ApplicationFailure({ message: 'unlucky', type: 'Unlucky' });
        if (amount === 14) void sleep(1);
      },
    },
  );
  setHandler(slow, async (ms) => {
    await sleep(ms);
    return uuid4();
  });
  await condition(() => closed);
  return notes;
}

/** Tells how often its validator was called, which a replay must not do. */
export async function validated(): Promise<void> {
  let calls = 0;
  setHandler(total, () => [calls]);
  setHandler(add, (amount) => amount, {
    validator() {
      calls += 1;
    },
  });
  await condition(() => false);
}

/** The handler is set late: by a signal, or never. */
export async function late(): Promise<string> {
  let done = '';
  setHandler(close, () => {
    setHandler(add, (amount) => {
      done = `added ${amount}`;
      return amount;
    });
  });
  await condition(() => done !== '');
  return done;
}

/** What handlers throw. */
export async function throwing(): Promise<void> {
  setHandler(defineUpdate<void, [kind: string]>('throw'), async (kind) => {
    await sleep(1);
    if (kind === 'failure') throw new ApplicationFailure({ message: 'no', type: 'No' });
    throw new TypeError('a mistake');
  });
  setHandler(defineUpdate<unknown>('bigint'), () => 1n);
  setHandler(defineUpdate('asyncValidator'), () => {}, { validator: (async () => {}) as never });
  await condition(() => false);
}

/** Any update goes to one handler. */
export async function dynamic(): Promise<string[]> {
  const seen: string[] = [];
  setDefaultUpdateHandler(
    (name, ...args) => {
      seen.push(`${name}(${args.join(', ')})`);
      return name;
    },
    {
      validator(name) {
        if (name.startsWith('_')) throw new Error(`${name} is private`);
      },
    },
  );
  await condition(() => seen.length > 1);
  return seen;
}

/** Ends while a handler runs. */
export async function ends(waits: boolean): Promise<string> {
  let told = '';
  setWorkflowOptions({ awaitHandlers: waits });
  setHandler(slow, async (ms) => {
    told = String(allHandlersFinished());
    await sleep(ms);
    return 'slept';
  });
  await condition(() => told !== '');
  log.info('main ends');
  return told;
}
