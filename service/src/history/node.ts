/**
 * This node among others. The lease gives liveness, the fence gives safety: every statement is gated on the own row in
 * `nodes`, which whoever takes over deletes first. A fenced node starts again as a new one with empty memory.
 */
import { SLOTS } from '../core/slot.ts';
import { type NodeBeat, StoreError } from '../store/store.ts';
import { every, type History } from './context.ts';
import { rescan, scanDue } from './due-scan.ts';
import { pause } from './lane.ts';
import { dropAll } from './memory.ts';

const BEAT_MS = 2_000;
const CLAIM_MS = 5_000;
const RETENTION_MS = 60_000;
const FENCES = 3;
const FENCES_WITHIN_MS = 60_000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** Another node is dead when its beat stood still over this many own reads, none late, over this long. */
const DEAD_READS = 6;
const DEAD_MS = 10_000;
const LATE_READ_MS = 3_000;

/** Registers the node, takes its slots and reads what must be in memory. Throws StoreError. */
export async function boot(h: History): Promise<void> {
  const sent = { monotonic: h.env.monotonic(), wall: h.env.now() };
  await h.store.registerNode(h.node.info);
  const answer = await h.store.beat(h.node.info.nodeId, false);
  if (!answer.alive) throw new StoreError('down', 'the node was removed while it started');
  h.node.beatSent = sent;
  await removePredecessors(h, answer.nodes);
  await readRetention(h);
  await claim(h);
}

/** How long closed runs are kept may have been changed. */
async function readRetention(h: History): Promise<void> {
  for (const { namespaceId, retentionMs } of await h.store.listNamespaces()) h.retention.set(namespaceId, retentionMs);
}

/** We listen on this address, so whoever had it has ended: no need to wait until its beat has stood still. */
async function removePredecessors(h: History, nodes: readonly NodeBeat[]): Promise<void> {
  const { nodeId, address } = h.node.info;
  for (const other of nodes) {
    if (other.nodeId !== nodeId && other.address === address) await h.store.evictNode(nodeId, other.nodeId, other.beat);
  }
}

/** Takes every free slot and reads its keys from the beginning. */
async function claim(h: History): Promise<void> {
  const wanted: number[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) if (h.node.claims[slot] === 0) wanted.push(slot);
  if (wanted.length === 0) return;
  const taken = await h.store.claimSlots(h.node.info.nodeId, wanted);
  own(h, taken);
}

function own(h: History, slots: readonly number[]): void {
  if (slots.length === 0) return;
  h.node.claimedAt = h.env.now();
  h.node.claimCount += 1;
  for (const slot of slots) h.node.claims[slot] = h.node.claimCount;
  rescan(h, slots);
}

/** Starts serving, and the loops that keep the node alive. */
export function serve(h: History): void {
  h.node.phase = 'serving';
  every(h, 'beat', BEAT_MS, () => beat(h));
  every(h, 'claim', CLAIM_MS, () => (h.node.phase === 'serving' ? guarded(h, () => claim(h)) : undefined));
  every(h, 'scan', h.options.scanEveryMs, () => (h.node.phase === 'serving' ? guarded(h, () => scanDue(h)) : undefined));
  every(h, 'retention', RETENTION_MS, () => (h.node.phase === 'serving' ? guarded(h, () => readRetention(h)) : undefined));
  void guarded(h, () => scanDue(h));
}

async function beat(h: History): Promise<void> {
  if (h.node.phase !== 'serving') return;
  const sent = { monotonic: h.env.monotonic(), wall: h.env.now() };
  const { nodeId } = h.node.info;
  await guarded(h, async () => {
    const answer = await h.store.beat(nodeId, false);
    if (h.node.info.nodeId !== nodeId) return;
    if (!answer.alive) {
      await fenced(h, 'its row was deleted by another node');
      return;
    }
    h.node.beatSent = sent;
    for (const dead of observe(h, answer.nodes)) {
      h.log('warn', 'another node is dead, taking over', { nodeId: dead.nodeId, address: dead.address });
      if (await h.store.evictNode(nodeId, dead.nodeId, dead.beat)) await claim(h);
    }
  });
}

/** Nodes whose beat stood still over an unbroken series of own reads. */
function observe(h: History, nodes: readonly NodeBeat[]): NodeBeat[] {
  const now = h.env.monotonic();
  const { observed, info } = h.node;
  const dead: NodeBeat[] = [];
  const present = new Set(nodes.map((node) => node.nodeId));
  for (const nodeId of [...observed.keys()]) if (!present.has(nodeId)) observed.delete(nodeId);
  for (const node of nodes) {
    if (node.nodeId === info.nodeId) continue;
    const seen = observed.get(node.nodeId);
    if (seen === undefined || seen.beat !== node.beat || now - seen.last > LATE_READ_MS) {
      observed.set(node.nodeId, { beat: node.beat, reads: 1, since: now, last: now });
      continue;
    }
    seen.reads += 1;
    seen.last = now;
    if (seen.reads >= DEAD_READS && now - seen.since >= DEAD_MS) dead.push(node);
  }
  return dead;
}

/** A statement in the node's own name: an unknown outcome is answered by fencing ourselves, other failures wait for the next turn. */
async function guarded(h: History, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    h.node.observed.clear();
    if (error.kind === 'ambiguous' && h.node.phase === 'serving') await selfFence(h);
    else h.log('warn', 'the database did not take a statement', { error: error.message, sqlState: error.sqlState });
  }
}

/** Another node took over, or memory disagrees with the log. */
export async function fenced(h: History, reason: string): Promise<void> {
  if (h.node.phase !== 'serving') return;
  const now = h.env.now();
  h.log('warn', 'this node was fenced and starts again with empty memory', { reason, nodeId: h.node.info.nodeId });
  h.node.fences = [...h.node.fences.filter((at) => at > now - FENCES_WITHIN_MS), now];
  if (h.node.fences.length >= FENCES && h.options.onFatal !== undefined) {
    h.options.onFatal(`fenced ${FENCES} times within ${FENCES_WITHIN_MS / 1000} s`);
    return;
  }
  await startOver(h);
}

/** The outcome of a statement is unknown: it may still be running as our own zombie. */
export async function selfFence(h: History): Promise<void> {
  if (h.node.phase === 'serving') await startOver(h);
}

/** The database cannot serve: nothing is answered, and everything is read again when it can. */
export function databaseDown(h: History, reason: string): void {
  if (h.node.phase !== 'serving') return;
  h.log('error', 'the database cannot take changes; pausing', { reason });
  void startOver(h);
}

/**
 * Starts again as a new node with empty memory, for as long as it takes. The new node takes over from the old one in one
 * statement, so whatever the old one still has under way is applied before it or not at all.
 */
async function startOver(h: History): Promise<void> {
  const old = h.node.info;
  h.node.phase = 'recovering';
  h.node.claims.fill(0);
  h.node.observed.clear();
  dropAll(h);
  h.waits.wakeAll();
  h.node.trouble = '';
  for (let wait = FIRST_RETRY_MS; h.node.phase === 'recovering'; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      const next = { ...old, nodeId: h.env.newId() };
      const slots = await h.store.replaceNode(old.nodeId, next);
      h.node.info = next;
      own(h, slots);
      await boot(h);
      h.node.phase = 'serving';
      h.log('info', 'serving again', { nodeId: next.nodeId });
      void guarded(h, () => scanDue(h));
      return;
    } catch (error) {
      h.node.claims.fill(0);
      if (String(error) !== h.node.trouble) h.log('warn', 'waiting for the database', { error: String(error) });
      h.node.trouble = String(error);
      await pause(h, wait);
    }
  }
}
