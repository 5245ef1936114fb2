import { expect, test } from 'vitest';
import { gate } from '../../test/support/scripted-api.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { createBatch } from './batch.ts';
import { ServiceError } from './service-error.ts';
import { roughBytes } from './size.ts';

interface Sent {
  readonly items: readonly string[];
  readonly landed: ReturnType<typeof gate<(string | Error)[]>>;
}

function setup(options: {
  inFlight: number;
  keyed?: boolean;
  maxItems?: number;
  maxBytes?: number;
  againAfter?: (error: Error, failures: number) => number | undefined;
}) {
  const clock = createVirtualClock();
  const sent: Sent[] = [];
  const batch = createBatch<string, string>({
    clock,
    inFlight: options.inFlight,
    maxItems: options.maxItems ?? 100,
    maxBytes: options.maxBytes ?? 1_000,
    bytesOf: (item) => item.length,
    ...(options.keyed && { keyOf: (item: string) => item[0] as string }),
    ...(options.againAfter && { againAfter: options.againAfter }),
    send: (items) => {
      const landed = gate<(string | Error)[]>();
      sent.push({ items, landed });
      return landed.promise;
    },
  });
  return { clock, sent, batch, land: (index: number) => sent[index]?.landed.open(sent[index].items.map((item) => `${item}!`)) };
}

test('items added together travel together, without waiting for time to pass', async () => {
  const { clock, sent, batch, land } = setup({ inFlight: 1 });
  const answers = Promise.all([batch.add('a'), batch.add('b')]);
  await clock.settle();
  expect(sent.map((call) => call.items)).toEqual([['a', 'b']]);
  land(0);
  expect(await answers).toEqual(['a!', 'b!']);
});

test('what queues while batches are in flight leaves as one batch when one lands', async () => {
  const { clock, sent, batch, land } = setup({ inFlight: 2 });
  for (const item of ['a', 'b', 'c', 'd', 'e']) {
    void batch.add(item);
    await clock.settle();
  }
  expect(sent.map((call) => call.items)).toEqual([['a'], ['b']]);
  land(0);
  await clock.settle();
  expect(sent.map((call) => call.items)).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
});

test('items of a key in flight wait, others overtake them', async () => {
  const { clock, sent, batch, land } = setup({ inFlight: 4, keyed: true });
  for (const item of ['x1', 'x2', 'y1', 'x3']) {
    void batch.add(item);
    await clock.settle();
  }
  expect(sent.map((call) => call.items)).toEqual([['x1'], ['y1']]);
  land(0);
  await clock.settle();
  expect(sent[2]?.items).toEqual(['x2', 'x3']);
});

test('batches are split by count and by bytes, but one large item still goes', async () => {
  const { clock, sent, batch } = setup({ inFlight: 9, maxItems: 2, maxBytes: 5 });
  for (const item of ['a', 'b', 'c', 'dddd', 'eeeeeeeeee', 'f']) void batch.add(item);
  await clock.settle();
  expect(sent.map((call) => call.items)).toEqual([['a', 'b'], ['c', 'dddd'], ['eeeeeeeeee'], ['f']]);
});

test('an Error among the answers rejects its item alone; a rejected call rejects all; a short answer is noticed', async () => {
  const { clock, sent, batch } = setup({ inFlight: 3 });
  const first = Promise.allSettled([batch.add('a'), batch.add('b')]);
  await clock.settle();
  sent[0]?.landed.open(['fine', new Error('no')]);
  expect((await first).map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
  const second = Promise.allSettled([batch.add('c')]);
  await clock.settle();
  sent[1]?.landed.fail(new Error('call failed'));
  expect(await second).toMatchObject([{ reason: { message: 'call failed' } }]);
  const third = Promise.allSettled([batch.add('d')]);
  await clock.settle();
  sent[2]?.landed.open([]);
  expect(await third).toMatchObject([{ reason: { message: 'the service answered 0 of 1 items' } }]);
});

test.each([
  ['the service', { code: 3, reason: 'TOO_LARGE' }],
  ['the transport', { code: 8, reason: '' }],
])('a batch that %s refuses for what it holds is sent again in halves', async (_, facts) => {
  const { clock, sent, batch } = setup({ inFlight: 1 });
  const answers = Promise.allSettled(['a', 'b', 'large', 'd'].map((item) => batch.add(item)));
  await clock.settle();
  for (let call = 0; call < sent.length; call += 1) {
    const { items, landed } = sent[call] as Sent;
    if (items.includes('large')) landed.fail(new ServiceError({ ...facts, message: 'too large', metadata: {} }));
    else landed.open(items.map((item) => `${item}!`));
    await clock.settle();
  }
  expect(sent.map((each) => each.items)).toEqual([['a', 'b', 'large', 'd'], ['a', 'b'], ['large', 'd'], ['large'], ['d']]);
  expect(await answers).toMatchObject([{ value: 'a!' }, { value: 'b!' }, { reason: { code: facts.code } }, { value: 'd!' }]);
});

test('an item that goes again holds its key only; the rest of its batch is answered at once', async () => {
  const { clock, sent, batch } = setup({
    inFlight: 4,
    keyed: true,
    againAfter: (_, failures) => (failures > 2 ? undefined : 100 * failures),
  });
  const done: string[] = [];
  const add = (item: string): void =>
    void batch.add(item).then(
      (answer) => done.push(answer),
      (error: Error) => done.push(error.message),
    );
  for (const item of ['a1', 'b1', 'a2']) add(item);
  await clock.settle();
  sent[0]?.landed.open([new Error('later'), 'b1!', new Error('later')]);
  await clock.settle();
  expect(done).toEqual(['b1!']);
  for (const item of ['a3', 'b2']) add(item);
  await clock.advance(50);
  expect(sent[1]?.items).toEqual(['b2']);
  await clock.advance(50);
  expect(sent[2]?.items).toEqual(['a1', 'a2', 'a3']);
  sent[2]?.landed.open([new Error('later'), 'a2!', 'a3!']);
  await clock.advance(200);
  sent[3]?.landed.open([new Error('never')]);
  await clock.settle();
  expect(done).toEqual(['b1!', 'a2!', 'a3!', 'never']);
});

test('sizes are estimated rather too large', () => {
  const cjk = '漢'.repeat(1_000);
  expect(roughBytes(cjk)).toBeGreaterThanOrEqual(3_000);
  expect(roughBytes('漢字')).toBeGreaterThanOrEqual(6);
  expect(roughBytes({ map: { [cjk]: new Uint8Array(500) } })).toBeGreaterThanOrEqual(1_500);
});
