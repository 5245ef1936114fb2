/** Nodes, beats and slots in memory. Each function is one statement: it happens wholly or not at all. */
import { checkText, checkUuid } from '../checks.ts';
import type { BeatAnswer, NodeInfo } from '../store.ts';
import { compareText, type MemoryDatabase } from './database.ts';

export function registerNode(db: MemoryDatabase, node: NodeInfo): void {
  checkUuid('node id', node.nodeId);
  checkText('address', node.address);
  checkText('roles', node.roles);
  checkText('version', node.version);
  if (!db.nodes.has(node.nodeId)) db.nodes.set(node.nodeId, { ...node });
  if (!db.heartbeats.has(node.nodeId)) db.heartbeats.set(node.nodeId, { beat: 0, draining: false });
}

export function beat(db: MemoryDatabase, me: string, draining: boolean, databaseTime: number): BeatAnswer {
  const own = db.heartbeats.get(me);
  const alive = db.nodes.has(me) && own !== undefined;
  if (alive) db.heartbeats.set(me, { beat: own.beat + 1, draining });
  const nodes = [...db.nodes.values()].flatMap((node) => {
    const seen = db.heartbeats.get(node.nodeId);
    return seen === undefined ? [] : [{ ...node, ...seen }];
  });
  nodes.sort((a, b) => compareText(a.nodeId, b.nodeId));
  return { alive, nodes, databaseTime };
}

export function removeNode(db: MemoryDatabase, me: string): void {
  if (!db.nodes.delete(me)) return;
  db.heartbeats.delete(me);
  db.slots.forEach((owner, slot) => {
    if (owner === me) db.slots[slot] = null;
  });
}

export function evictNode(db: MemoryDatabase, me: string, other: string, seenBeat: number): boolean {
  if (me === other || !db.nodes.has(me) || !db.nodes.has(other)) return false;
  if (db.heartbeats.get(other)?.beat !== seenBeat) return false;
  db.nodes.delete(other);
  db.heartbeats.delete(other);
  return true;
}

/** The owner of a slot, or null when it is free: no owner, or one without a row in nodes. */
function liveOwner(db: MemoryDatabase, slot: number): string | null {
  const owner = db.slots[slot] ?? null;
  return owner !== null && db.nodes.has(owner) ? owner : null;
}

export function claimSlots(db: MemoryDatabase, me: string, slots: readonly number[]): number[] {
  if (!db.nodes.has(me)) return [];
  const free = [...new Set(slots)].filter((slot) => slot in db.slots && liveOwner(db, slot) === null);
  for (const slot of free) db.slots[slot] = me;
  return free.sort((a, b) => a - b);
}

export function releaseSlots(db: MemoryDatabase, me: string, slots: readonly number[]): void {
  if (!db.nodes.has(me)) return;
  for (const slot of slots) if (db.slots[slot] === me) db.slots[slot] = null;
}

export function readSlots(db: MemoryDatabase): (string | null)[] {
  return db.slots.map((_, slot) => liveOwner(db, slot));
}

export function replaceNode(db: MemoryDatabase, old: string, next: NodeInfo): number[] {
  registerNode(db, next);
  if (!db.nodes.delete(old)) return [];
  db.heartbeats.delete(old);
  const moved: number[] = [];
  db.slots.forEach((owner, slot) => {
    if (owner !== old) return;
    db.slots[slot] = next.nodeId;
    moved.push(slot);
  });
  return moved;
}
