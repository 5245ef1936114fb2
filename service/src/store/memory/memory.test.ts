/** The memory store against the contract, and its faults. */
import { expect, test } from 'vitest';
import { failureKind, newScene, nodeInfo } from '../../../test/support/store/scene.ts';
import { describeStore } from '../../../test/support/store/suite.ts';
import { StoreError } from '../store.ts';
import { createMemoryDatabase } from './database.ts';
import { createMemoryStore, type StoreCall } from './store.ts';

const now = (): number => 1_800_000_000_000;

describeStore('memory', () => Promise.resolve(createMemoryStore({ now })));

test('a fault before a call keeps it from taking effect, one after it hides the answer', async () => {
  const database = createMemoryDatabase();
  const { me, slot } = await newScene(createMemoryStore({ now, database }));
  const lost = new StoreError('ambiguous', 'connection lost');
  const broken = (when: 'before' | 'after') =>
    createMemoryStore({
      now,
      database,
      faults: {
        [when]: (call: StoreCall) => {
          if (call.method === 'releaseSlots') throw lost;
        },
      },
    });
  const owner = async (): Promise<unknown> => (await createMemoryStore({ now, database }).readSlots())[slot];
  expect(await failureKind(broken('before').releaseSlots(me, [slot]))).toBe('ambiguous');
  expect(await owner()).toBe(me);
  expect(await failureKind(broken('after').releaseSlots(me, [slot]))).toBe('ambiguous');
  expect(await owner()).toBeNull();
});

test('a promise of a fault delays the effect', async () => {
  const database = createMemoryDatabase();
  const gate = Promise.withResolvers<void>();
  const slow = createMemoryStore({ now, database, faults: { before: () => gate.promise } });
  const node = nodeInfo();
  const registering = slow.registerNode(node);
  expect(database.nodes.has(node.nodeId)).toBe(false);
  gate.resolve();
  await registering;
  expect(database.nodes.has(node.nodeId)).toBe(true);
});

test('a closed store is down', async () => {
  const store = createMemoryStore({ now });
  await store.close();
  expect(await failureKind(store.readSlots())).toBe('down');
});
