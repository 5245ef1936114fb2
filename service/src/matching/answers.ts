/**
 * Answers with tasks that are on their way to a worker. The worker names the ids it got in its next call, 5 s later at
 * the latest; what is not named in time was lost with its answer, so its claims are undone and the tasks offered again.
 */
import type { Env, Timer } from '../env.ts';
import type { TaskClaim } from '../roles.ts';

/** Three times the 5 s within which a worker names what it got: one lost call in between does no harm. */
export const RECEIPT_MS = 15_000;

interface Underway {
  readonly claims: readonly TaskClaim[];
  /** Monotonic ms. */
  readonly dueAt: number;
}

export interface Answers {
  /** Registers an answer; returns its id. */
  track(claims: readonly TaskClaim[]): string;
  received(answerIds: readonly string[]): void;
  undelivered(answerId: string): void;
  /** Forgets everything without undoing it: the workers may well have it. */
  close(): void;
}

/** `undo` gets the claims of each lost answer. */
export function createAnswers(env: Env, undo: (claims: readonly TaskClaim[]) => void): Answers {
  // Unguessable, so that nobody confirms or loses the answers of others.
  const prefix = env.newId();
  const underway = new Map<string, Underway>();
  let made = 0;
  let timer: Timer | undefined;
  let closed = false;

  // Answers fall due in the order they were made, so one timer for the oldest is enough.
  const expire = (): void => {
    timer = undefined;
    const now = env.monotonic();
    for (const [answerId, { dueAt }] of underway) {
      if (dueAt > now) {
        timer = env.setTimer(dueAt - now, expire);
        return;
      }
      lose(answerId);
    }
  };
  const lose = (answerId: string): void => {
    const answer = underway.get(answerId);
    if (!underway.delete(answerId) || answer === undefined) return;
    undo(answer.claims);
  };
  return {
    track: (claims) => {
      const answerId = `${prefix}.${made++}`;
      if (closed) return answerId;
      underway.set(answerId, { claims, dueAt: env.monotonic() + RECEIPT_MS });
      timer ??= env.setTimer(RECEIPT_MS, expire);
      return answerId;
    },
    received: (answerIds) => {
      for (const answerId of answerIds) underway.delete(answerId);
    },
    undelivered: lose,
    close: () => {
      closed = true;
      timer?.cancel();
      timer = undefined;
      underway.clear();
    },
  };
}
