// Random workflow programs: plain data that an interpreter (test/workflows/programs.ts) runs as workflow code.

import fc from 'fast-check';

/** How an activity or another step takes cancellation. */
export type Cancellation = 'wait' | 'try' | 'abandon';
export type ChildCancellation = Cancellation | 'waitRequested';

/** One statement. `body` and `branches` are run by the interpreter as blocks of code of their own. */
export type Statement =
  | { readonly do: 'activity'; readonly cancellation: Cancellation }
  | { readonly do: 'sleep'; readonly ms: number }
  /** A child that is run, started and then awaited, sent a signal in between, or started and left to itself. */
  | { readonly do: 'child'; readonly cancellation: ChildCancellation; readonly how: 'execute' | 'start' | 'signal' | 'leave' }
  /** A request to another workflow. */
  | { readonly do: 'send'; readonly what: 'signal' | 'cancel' }
  /** Waits until so many signals have been handled, or the time is over. */
  | { readonly do: 'condition'; readonly signals: number; readonly ms?: number | undefined }
  /** From here on the signal has a handler, which runs `body`. */
  | { readonly do: 'handle'; readonly signal: SignalName; readonly body: Program }
  /** From here on updates have a handler, which runs `body`; its validator refuses every third. */
  | { readonly do: 'update'; readonly body: Program }
  /** Code that was added, and the code in its place before. */
  | { readonly do: 'patched'; readonly id: 'a' | 'b'; readonly body: Program; readonly before: Program }
  | { readonly do: 'sideEffect' }
  /** All branches, whatever becomes of them. */
  | { readonly do: 'all'; readonly branches: readonly Program[] }
  /** The first branch wins; the others go on. */
  | { readonly do: 'race'; readonly branches: readonly Program[] }
  | { readonly do: 'try'; readonly body: Program; readonly rescue: Program }
  | { readonly do: 'scope'; readonly kind: 'cancellable' | 'nonCancellable' | 'shield'; readonly body: Program }
  | { readonly do: 'limit'; readonly ms: number; readonly body: Program }
  /** A scope that is cancelled when `beside` has ended. */
  | { readonly do: 'cancelAfter'; readonly body: Program; readonly beside: Program }
  /** Time, randomness and facts of the run go to the trace, and to the log as an activity's input. */
  | { readonly do: 'observe' }
  | { readonly do: 'setVar' }
  | { readonly do: 'upsert' }
  | { readonly do: 'throw' }
  /** Ends main unless something around it catches it. */
  | { readonly do: 'continueAsNew' };

export type SignalName = 'one' | 'two';
export type Program = readonly Statement[];

const cancellation = fc.constantFrom<Cancellation>('wait', 'try', 'abandon');
const childCancellation = fc.constantFrom<ChildCancellation>('wait', 'waitRequested', 'try', 'abandon');
const how = fc.constantFrom('execute' as const, 'start' as const, 'signal' as const, 'leave' as const);
const ms = fc.constantFrom(0, 10, 100, 5_000);

/** Statements without code inside. */
const leaf: fc.Arbitrary<Statement> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('activity' as const), cancellation }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('sleep' as const), ms }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('child' as const), cancellation: childCancellation, how }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('send' as const), what: fc.constantFrom('signal' as const, 'cancel' as const) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'sideEffect' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('condition' as const), signals: fc.nat(2), ms: fc.option(ms, { nil: undefined, freq: 4 }) }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'observe' as const }, { do: 'setVar' as const }, { do: 'upsert' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'throw' as const }, { do: 'throw' as const }, { do: 'continueAsNew' as const }) },
);

const { program } = fc.letrec<{ statement: Statement; program: Program; branches: readonly Program[] }>((tie) => ({
  program: fc.array(tie('statement'), { minLength: 1, maxLength: 3, depthIdentifier: 'program' }),
  branches: fc.array(tie('program'), { minLength: 2, maxLength: 3, depthIdentifier: 'program' }),
  statement: fc.oneof(
    { depthIdentifier: 'program', maxDepth: 3, withCrossShrink: true },
    { weight: 8, arbitrary: leaf },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('handle' as const),
        signal: fc.constantFrom<SignalName>('one', 'two'),
        body: tie('program'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('update' as const), body: tie('program') }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('patched' as const),
        id: fc.constantFrom('a' as const, 'b' as const),
        body: tie('program'),
        before: tie('program'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('all' as const, 'race' as const), branches: tie('branches') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('try' as const), body: tie('program'), rescue: tie('program') }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('scope' as const),
        kind: fc.constantFrom('cancellable' as const, 'nonCancellable' as const, 'shield' as const),
        body: tie('program'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('limit' as const), ms, body: tie('program') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancelAfter' as const), body: tie('program'), beside: tie('program') }) },
  ),
}));

/** Programs of at least two statements. */
export const programs: fc.Arbitrary<Program> = fc
  .array(fc.constant(undefined), { minLength: 2, maxLength: 5 })
  .chain((slots) => fc.tuple(...slots.map(() => program)).map((parts) => parts.flat()));
