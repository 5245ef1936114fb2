/**
 * Virtual time: a heap of (time, order), one event at a time, and after each event everything that follows from it without
 * time. Processes are incarnations: when one has crashed, its timers never fire and nothing it waits for ever comes.
 */
import type { Env, Timer } from '../../src/env.ts';
import { createRandom, type Random } from './random.ts';

/** Wall time at virtual time 0. */
export const EPOCH: number = Date.UTC(2026, 0, 1);
const TAIL_LINES = 400;
/** Times are multiples of a power of two, so that sums and differences of them are exact. */
const TICKS_PER_MS = 1_024;

/** A process from its start to its crash. */
export interface Incarnation {
  readonly name: string;
  alive: boolean;
  /** Its events are held back until then: a long pause of the machine. */
  frozenUntil: number;
  /** Also an SDK's clock. Gone with the incarnation. */
  readonly env: Env;
}

export interface World {
  readonly random: Random;
  /** Virtual ms since the start. */
  now(): number;
  /** Runs `run` after `ms`, in the name of a process if one is given. */
  after(ms: number, label: string, run: () => void, owner?: Incarnation): Timer;
  /** Starts a process whose wall clock is `offset` ms off. */
  spawn(name: string, offset?: number): Incarnation;
  crash(incarnation: Incarnation): void;
  /** Runs events until `done`, or until virtual time has passed `limit`, or nothing is left. True when `done`. */
  run(done: () => boolean, limit: number): Promise<boolean>;
  /** A line of the trace. */
  note(text: string): void;
  /** The newest lines of the trace. */
  tail(): string[];
  /** Of every line of the trace. */
  hash(): string;
  /** Events run so far. */
  events(): number;
}

interface Event {
  at: number;
  readonly order: number;
  readonly label: string;
  readonly run: () => void;
  readonly owner: Incarnation | undefined;
  canceled: boolean;
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Event;
    if (!isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right, heap[child] as Event)) child += 1;
    const below = heap[child] as Event;
    if (!isBefore(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return top;
}

/** Everything that follows without time: promise reactions are done when a macrotask begins. */
function drain(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Makes the world of a seed. Nothing happens before `run`. */
export function createWorld(seed: number): World {
  const random = createRandom(seed);
  const heap: Event[] = [];
  const lines: string[] = [];
  let now = 0;
  let orders = 0;
  let events = 0;
  let hash = 0x811c9dc5;

  const note = (text: string): void => {
    const line = `${now.toFixed(3)} ${text}`;
    for (let at = 0; at < line.length; at += 1) hash = Math.imul(hash ^ line.charCodeAt(at), 0x01000193);
    lines.push(line);
    if (lines.length > 2 * TAIL_LINES) lines.splice(0, TAIL_LINES);
  };
  const after: World['after'] = (ms, label, run, owner) => {
    const event: Event = {
      at: now + Math.ceil(Math.max(0, ms) * TICKS_PER_MS) / TICKS_PER_MS,
      order: orders++,
      label,
      run,
      owner,
      canceled: false,
    };
    push(heap, event);
    return {
      cancel() {
        event.canceled = true;
      },
    };
  };
  const step = async (event: Event): Promise<void> => {
    const { owner } = event;
    if (event.canceled || owner?.alive === false) return;
    if (owner !== undefined && owner.frozenUntil > event.at) {
      event.at = owner.frozenUntil;
      push(heap, event);
      return;
    }
    now = event.at;
    events += 1;
    note(event.label);
    event.run();
    await drain();
  };
  return {
    random,
    now: () => now,
    after,
    note,
    spawn: (name, offset = 0) => spawn(name, offset, random.fork(), () => now, after),
    crash(incarnation) {
      incarnation.alive = false;
      note(`${incarnation.name} crashes`);
    },
    async run(done, limit) {
      const real = performance.now;
      // Long replays give way by this clock: here they must do so the same way each time.
      performance.now = () => now;
      try {
        await drain();
        while (!done()) {
          const event = pop(heap);
          if (event === undefined) return done();
          if (event.at > limit) {
            push(heap, event);
            return false;
          }
          await step(event);
        }
        return true;
      } finally {
        performance.now = real;
      }
    },
    tail: () => lines.slice(-TAIL_LINES),
    hash: () => (hash >>> 0).toString(16).padStart(8, '0'),
    events: () => events,
  };
}

function spawn(name: string, offset: number, random: Random, now: () => number, after: World['after']): Incarnation {
  const wall = (): number => Math.floor(EPOCH + now() + offset);
  const incarnation: Incarnation = {
    name,
    alive: true,
    frozenUntil: 0,
    env: {
      now: wall,
      monotonic: now,
      setTimer: (ms, run) => after(ms, name, run, incarnation),
      random: random.next,
      newId: () => newId(wall(), random),
    },
  };
  return incarnation;
}

/** A UUIDv7. */
function newId(time: number, random: Random): string {
  const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, '0');
  const stamp = time.toString(16).padStart(12, '0');
  const [a, b, c] = [random.bits(), random.bits(), random.bits()];
  return `${stamp.slice(0, 8)}-${stamp.slice(8)}-7${hex(a & 0xfff, 3)}-${hex(0x8000 | ((a >>> 16) & 0x3fff), 4)}-${hex(b & 0xffff, 4)}${hex(c, 8)}`;
}
