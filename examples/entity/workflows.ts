// A shopping cart that lives as long as its customer: changed by updates, read by a query, its log kept short by continue-as-new.
import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@perdure/sdk/workflow';

export interface Line {
  readonly item: string;
  readonly count: number;
}

export type Cart = Readonly<Record<string, number>>;

/** Answers how many of the item are in the cart now. */
export const add = defineUpdate<number, [Line]>('add');
export const contents = defineQuery<Cart>('contents');
export const checkOut = defineSignal('checkOut');

/** Changes of one run; then the next run takes over. A real cart would ask workflowInfo().continueAsNewSuggested alone. */
const CHANGES = 5;

export async function cart(lines: Cart = {}): Promise<Cart> {
  const now: Record<string, number> = { ...lines };
  let changes = 0;
  let done = false;
  setHandler(contents, () => now);
  setHandler(checkOut, () => {
    done = true;
  });
  setHandler(
    add,
    ({ item, count }) => {
      changes += 1;
      now[item] = (now[item] ?? 0) + count;
      return now[item];
    },
    {
      // Refused changes leave no trace in the log.
      validator({ item, count }) {
        if (!Number.isInteger(count) || count < 1) throw ApplicationFailure.nonRetryable(`${count} of ${item} cannot be added`, 'BadCount');
      },
    },
  );
  await condition(() => done || changes >= CHANGES || workflowInfo().continueAsNewSuggested);
  await condition(allHandlersFinished);
  if (!done) continueAsNew<typeof cart>(now);
  return now;
}
