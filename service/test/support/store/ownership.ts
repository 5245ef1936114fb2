/** Nodes and slots: who may write, and how it changes hands. */
import { expect, test } from 'vitest';
import { SLOT_COUNT } from '../../../src/store/seed.ts';
import type { Store } from '../../../src/store/store.ts';
import { newId, newKey, newScene, newSlot, nodeInfo, outcome, startRecord } from './scene.ts';

async function beatOf(store: Store, me: string, node: string): Promise<number | undefined> {
  return (await store.beat(me, false)).nodes.find((row) => row.nodeId === node)?.beat;
}

export function nodes(open: () => Store): void {
  test('registering is idempotent, and each beat shows every node', async () => {
    const store = open();
    const [a, b] = [nodeInfo(), nodeInfo()];
    for (const node of [a, a, b]) await store.registerNode(node);
    const first = await store.beat(a.nodeId, false);
    expect(first.alive).toBe(true);
    expect(first.databaseTime).toBeGreaterThan(1_700_000_000_000);
    const second = await store.beat(a.nodeId, true);
    expect(second.nodes).toContainEqual({ ...a, beat: 2, draining: true });
    expect(second.nodes).toContainEqual({ ...b, beat: 0, draining: false });
    await store.registerNode(a);
    expect(await beatOf(store, b.nodeId, a.nodeId)).toBe(2);
  });

  test('the beat of a node without a row changes nothing', async () => {
    const store = open();
    const [zombie, other] = [nodeInfo(), nodeInfo()];
    for (const node of [zombie, other]) await store.registerNode(node);
    expect(await store.evictNode(other.nodeId, zombie.nodeId, 0)).toBe(true);
    const answer = await store.beat(zombie.nodeId, false);
    expect(answer.alive).toBe(false);
    expect(answer.nodes.map((node) => node.nodeId)).not.toContain(zombie.nodeId);
    expect((await store.beat(newId(), false)).alive).toBe(false);
  });

  test('a node is evicted only if its beat has not moved and the evictor lives', async () => {
    const store = open();
    const [me, other, dead] = [nodeInfo(), nodeInfo(), nodeInfo()];
    for (const node of [me, other, dead]) await store.registerNode(node);
    await store.beat(other.nodeId, false);
    expect(await store.evictNode(me.nodeId, other.nodeId, 0)).toBe(false);
    expect(await store.evictNode(newId(), other.nodeId, 1)).toBe(false);
    expect(await store.evictNode(me.nodeId, me.nodeId, 0)).toBe(false);
    expect(await store.evictNode(me.nodeId, dead.nodeId, 0)).toBe(true);
    expect(await store.evictNode(me.nodeId, dead.nodeId, 0)).toBe(false);
    expect(await store.evictNode(dead.nodeId, other.nodeId, 1)).toBe(false);
    expect(await beatOf(store, me.nodeId, other.nodeId)).toBe(1);
  });

  test('R-OWN-3: of two nodes that evict each other exactly one survives', async () => {
    const store = open();
    for (let round = 0; round < 10; round += 1) {
      const [a, b] = [nodeInfo(), nodeInfo()];
      for (const node of [a, b]) await store.registerNode(node);
      const won = await Promise.all([store.evictNode(a.nodeId, b.nodeId, 0), store.evictNode(b.nodeId, a.nodeId, 0)]);
      expect(won.filter(Boolean)).toHaveLength(1);
      const survivor = won[0] ? a : b;
      expect((await store.beat(survivor.nodeId, false)).alive).toBe(true);
      expect((await store.beat(won[0] ? b.nodeId : a.nodeId, false)).alive).toBe(false);
    }
  });

  test('a replaced node hands its slots to the next and is fenced', async () => {
    const store = open();
    const scene = await newScene(store);
    const next = nodeInfo();
    expect(await store.replaceNode(scene.me, next)).toEqual([scene.slot]);
    expect((await store.readSlots())[scene.slot]).toBe(next.nodeId);
    expect(outcome(await store.commit(scene.me, 0, [startRecord(newKey(scene))])).alive).toBe(false);
    expect((await store.beat(next.nodeId, false)).alive).toBe(true);
    expect(await store.replaceNode(scene.me, nodeInfo())).toEqual([]);
  });
}

export function slots(open: () => Store): void {
  test('R-OWN-2: a slot is claimed once, and again after its owner is gone', async () => {
    const store = open();
    const [a, b] = [nodeInfo(), nodeInfo()];
    for (const node of [a, b]) await store.registerNode(node);
    const [x, y] = [newSlot(), newSlot()];
    expect(await store.claimSlots(a.nodeId, [y, x, x])).toEqual([x, y]);
    expect(await store.claimSlots(b.nodeId, [x, y])).toEqual([]);
    expect(await store.evictNode(b.nodeId, a.nodeId, 0)).toBe(true);
    expect((await store.readSlots())[x]).toBeNull();
    expect(await store.claimSlots(a.nodeId, [x])).toEqual([]);
    expect(await store.claimSlots(b.nodeId, [x, y, SLOT_COUNT + 5])).toEqual([x, y]);
    const owners = await store.readSlots();
    expect(owners).toHaveLength(SLOT_COUNT);
    expect([owners[x], owners[y]]).toEqual([b.nodeId, b.nodeId]);
  });

  test('of two claimers at once each slot goes to one', async () => {
    const store = open();
    const [a, b] = [nodeInfo(), nodeInfo()];
    for (const node of [a, b]) await store.registerNode(node);
    const wanted = Array.from({ length: 40 }, newSlot);
    const [first, second] = await Promise.all([store.claimSlots(a.nodeId, wanted), store.claimSlots(b.nodeId, [...wanted].reverse())]);
    expect([...first, ...second].sort((x, y) => x - y)).toEqual(wanted);
  });

  test('only the owner gives a slot back, and only while it lives', async () => {
    const store = open();
    const [owner, other] = [await newScene(store), await newScene(store)];
    await store.releaseSlots(other.me, [owner.slot]);
    expect((await store.readSlots())[owner.slot]).toBe(owner.me);
    await store.releaseSlots(owner.me, [owner.slot]);
    expect((await store.readSlots())[owner.slot]).toBeNull();
    expect(await store.claimSlots(other.me, [owner.slot])).toEqual([owner.slot]);
    await store.removeNode(other.me);
    const owners = await store.readSlots();
    expect([owners[other.slot], owners[owner.slot]]).toEqual([null, null]);
  });
}
