/**
 * This node among others. The lease gives liveness, the fence gives safety: every statement is gated on the own row in
 * `nodes`, which whoever takes over deletes first. A fenced node starts again as a new one with empty memory.
 */
import { SLOTS } from '../core/slot.ts';
import { type NodeBeat, StoreError } from '../store/store.ts';
import { every, type History } from './context.ts';
import { readNamespaces, SWEEP_MS, sweepNamespaces } from './deletion.ts';
import { rescan, scanDue } from './due-scan.ts';
import { pause } from './lane.ts';
import { dropAll } from './memory.ts';

const BEAT_MS = 2_000;
const CLAIM_MS = 5_000;
const NAMESPACES_MS = 10_000;
const SCAN_RETRY_MS = 1_000;
const FENCES = 3;
const FENCES_WITHIN_MS = 60_000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** Another node is dead when its beat stood still over this many own reads, none late, over this long. */
const DEAD_READS = 6;
const DEAD_MS = 10_000;
const LATE_READ_MS = 3_000;

/** Registers the node, takes its slots and reads what must be in memory. Throws StoreError. `first`: the process has just started. */
export async function boot(h: History, first: boolean): Promise<void> {
  const sent = { monotonic: h.env.monotonic(), wall: h.env.now() };
  await h.store.registerNode(h.node.info);
  const answer = await h.store.beat(h.node.info.nodeId, false);
  if (!answer.alive) throw new StoreError('down', 'the node was removed while it started');
  h.node.beatSent = sent;
  await removePredecessors(h, answer.nodes, first);
  await readNamespaces(h);
  await claim(h);
}

/**
 * Nodes that have certainly ended: own earlier incarnations, and at the start of the process whoever had the address we
 * listen on (docs/decisions/0009): no need to wait until their beats have stood still.
 */
async function removePredecessors(h: History, nodes: readonly NodeBeat[], first: boolean): Promise<void> {
  const { nodeId, address } = h.node.info;
  const inherited = first && !isWildcard(address);
  for (const other of nodes) {
    if (other.nodeId === nodeId) continue;
    if (h.node.ownIds.has(other.nodeId) || (inherited && other.address === address))
      await h.store.evictNode(nodeId, other.nodeId, other.beat);
  }
}

/** Every machine has these addresses, so they tell nothing. */
function isWildcard(address: string): boolean {
  return address.startsWith('0.0.0.0:') || address.startsWith('[::]:') || address.startsWith(':');
}

/** Takes every free slot and reads its keys from the beginning. */
async function claim(h: History): Promise<void> {
  const wanted: number[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) if (h.node.claims[slot] === 0) wanted.push(slot);
  if (wanted.length === 0) return;
  const { nodeId } = h.node.info;
  const taken = await h.store.claimSlots(nodeId, wanted);
  if (h.node.info.nodeId === nodeId) own(h, taken);
}

function own(h: History, slots: readonly number[]): void {
  if (slots.length === 0) return;
  h.node.claimedAt = h.env.now();
  h.node.claimCount += 1;
  for (const slot of slots) h.node.claims[slot] = h.node.claimCount;
  rescan(h, slots);
  if (h.node.phase === 'serving') scan(h);
}

/** Scans now, or again when the scan under way ends. */
function scan(h: History): void {
  h.node.scanAgain = true;
  if (h.node.scanning) return;
  h.node.scanning = true;
  let failed = true;
  void guarded(h, async () => {
    while (h.node.scanAgain && h.node.phase === 'serving') {
      h.node.scanAgain = false;
      await scanDue(h);
    }
    failed = false;
  }).then(() => {
    h.node.scanning = false;
    // A scan that failed is tried again before the next one is due.
    if (h.node.scanAgain || failed) h.env.setTimer(SCAN_RETRY_MS, () => (h.node.phase === 'serving' ? scan(h) : undefined));
  });
}

/** Starts serving, and the loops that keep the node alive. */
export function serve(h: History): void {
  const whileServing = (body: () => Promise<void>) => () => (h.node.phase === 'serving' ? guarded(h, body) : undefined);
  h.node.phase = 'serving';
  every(h, 'beat', BEAT_MS, () => beat(h));
  every(
    h,
    'claim',
    CLAIM_MS,
    whileServing(() => claim(h)),
  );
  every(
    h,
    'namespaces',
    NAMESPACES_MS,
    whileServing(() => readNamespaces(h)),
  );
  every(
    h,
    'deletion',
    SWEEP_MS,
    whileServing(() => sweepNamespaces(h)),
  );
  every(h, 'scan', h.options.scanEveryMs, () => (h.node.phase === 'serving' ? scan(h) : undefined));
  scan(h);
}

async function beat(h: History): Promise<void> {
  if (h.node.phase !== 'serving') return;
  const sent = { monotonic: h.env.monotonic(), wall: h.env.now() };
  const { nodeId } = h.node.info;
  await guarded(h, async () => {
    const answer = await h.store.beat(nodeId, false);
    if (h.node.info.nodeId !== nodeId) return;
    if (!answer.alive) {
      fenced(h, nodeId, 'its row was deleted by another node');
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
  const { nodeId } = h.node.info;
  try {
    await body();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    h.node.observed.clear();
    if (error.kind === 'ambiguous') selfFence(h, nodeId);
    else if (h.node.phase === 'serving')
      h.log('warn', 'the database did not take a statement', { error: error.message, sqlState: error.sqlState });
  }
}

/** News of an incarnation that has been replaced, or of a node that does not serve, change nothing. */
function isCurrent(h: History, nodeId: string): boolean {
  return h.node.phase === 'serving' && h.node.info.nodeId === nodeId;
}

/** Another node took over, or memory disagrees with the log. */
export function fenced(h: History, nodeId: string, reason: string): void {
  if (!isCurrent(h, nodeId)) return;
  const now = h.env.now();
  h.log('warn', 'this node was fenced and starts again with empty memory', { reason, nodeId });
  h.node.fences = [...h.node.fences.filter((at) => at > now - FENCES_WITHIN_MS), now];
  startOver(h);
  if (h.node.fences.length >= FENCES) h.options.onFatal?.(`fenced ${FENCES} times within ${FENCES_WITHIN_MS / 1000} s`);
}

/** The outcome of a statement is unknown: it may still be running as our own zombie. */
export function selfFence(h: History, nodeId: string): void {
  if (isCurrent(h, nodeId)) startOver(h);
}

/** The database cannot serve: nothing is answered, and everything is read again when it can. */
export function databaseDown(h: History, nodeId: string, reason: string): void {
  if (!isCurrent(h, nodeId)) return;
  h.log('error', 'the database cannot take changes; pausing', { reason });
  startOver(h);
}

/**
 * Starts again as a new node with empty memory, for as long as it takes. The new node takes over from the old one in one
 * statement, so whatever the old one still has under way is applied before it or not at all.
 */
function startOver(h: History): void {
  h.node.phase = 'recovering';
  h.node.claims.fill(0);
  h.node.observed.clear();
  h.node.trouble = '';
  dropAll(h);
  h.waits.wakeAll();
  h.node.recovery = recover(h).finally(() => {
    h.node.recovery = undefined;
  });
}

async function recover(h: History): Promise<void> {
  const old = h.node.info;
  for (let wait = FIRST_RETRY_MS; h.node.phase === 'recovering'; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      const next = { ...old, nodeId: h.env.newId() };
      h.node.ownIds.add(next.nodeId);
      const slots = await h.store.replaceNode(old.nodeId, next);
      h.node.info = next;
      own(h, slots);
      await boot(h, false);
      // Stopped meanwhile: the row goes again.
      if (h.node.phase !== 'recovering') {
        await h.store.removeNode(next.nodeId);
        return;
      }
      h.node.ownIds.clear();
      h.node.ownIds.add(next.nodeId);
      h.node.phase = 'serving';
      h.log('info', 'serving again', { nodeId: next.nodeId });
      scan(h);
      return;
    } catch (error) {
      h.node.claims.fill(0);
      if (String(error) !== h.node.trouble) h.log('warn', 'waiting for the database', { error: String(error) });
      h.node.trouble = String(error);
      if (h.node.phase === 'recovering') await pause(h, wait);
    }
  }
}
