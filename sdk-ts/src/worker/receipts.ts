/** Ids of answers with tasks that arrived: the next call names them, else a call of their own soon enough. */
import type { Clock, ClockTimer } from '../common/clock.ts';

/** The service wants to hear of an answer within 5 s; below that with room for a slow call. */
const NAME_WITHIN_MS = 3_000;

export interface Receipts {
  /** An answer arrived; '' is ignored. */
  add(answerId: string): void;
  /** For a call that is about to be made. */
  take(): string[];
  /** The call failed: name them again. */
  giveBack(answerIds: readonly string[]): void;
  close(): void;
}

/** `flush` makes a call of its own; it calls `take` itself. */
export function createReceipts(clock: Clock, flush: () => void): Receipts {
  let ids: string[] = [];
  let timer: ClockTimer | undefined;
  const arm = (): void => {
    timer ??= clock.setTimer(NAME_WITHIN_MS, () => {
      timer = undefined;
      if (ids.length > 0) flush();
    });
  };
  return {
    add(answerId) {
      if (answerId === '') return;
      ids.push(answerId);
      arm();
    },
    take() {
      const taken = ids;
      ids = [];
      return taken;
    },
    giveBack(answerIds) {
      if (answerIds.length === 0) return;
      ids.push(...answerIds);
      arm();
    },
    close() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
