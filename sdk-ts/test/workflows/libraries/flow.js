// Libraries about control flow: their promises and timers are those of the workflow.

import { sleep } from '@perdure/sdk/workflow';
import * as Effect from 'effect/Effect';
import * as Option from 'effect/Option';
import { EventEmitter } from 'eventemitter3';
import * as E from 'fp-ts/Either';
import { pipe } from 'fp-ts/function';
import * as TE from 'fp-ts/TaskEither';
import pMap from 'p-map';
import { firstValueFrom, from, mergeMap, of, toArray } from 'rxjs';
import { assign, createActor, setup, waitFor } from 'xstate';

export async function effect() {
  const program = Effect.gen(function* () {
    yield* Effect.promise(() => sleep(1000));
    const failed = yield* Effect.result(Effect.fail('no'));
    return [failed._tag, Option.getOrElse(Option.none(), () => 'default')];
  });
  return await Effect.runPromise(program);
}

export async function fpTs() {
  const half = (n) => (n % 2 === 0 ? E.right(n / 2) : E.left(`odd ${n}`));
  const later = pipe(
    TE.tryCatch(() => sleep(1000), String),
    TE.map(() => 8),
    TE.flatMapEither(half),
  );
  return [await later(), half(3)];
}

export async function pMapLibrary() {
  const order = [];
  const doubled = await pMap(
    [3, 1, 2],
    async (n) => {
      await sleep(n * 1000);
      order.push(n);
      return n * 2;
    },
    { concurrency: 2 },
  );
  return [doubled, order];
}

export async function eventemitter() {
  const emitter = new EventEmitter();
  const seen = [];
  emitter.on('a', (value) => seen.push(value));
  emitter.once('a', (value) => seen.push(`once ${value}`));
  emitter.emit('a', 1);
  await sleep(1000);
  emitter.emit('a', 2);
  return seen;
}

export async function rxjs() {
  const list = from([1, 2]).pipe(
    mergeMap((n) => from(sleep(n * 1000).then(() => n * 10))),
    mergeMap((n) => of(n, n + 1)),
    toArray(),
  );
  return await firstValueFrom(list);
}

export async function xstate() {
  const machine = setup({ actions: { count: assign({ count: ({ context }) => context.count + 1 }) } }).createMachine({
    context: { count: 0 },
    initial: 'open',
    states: { open: { on: { NEXT: { actions: 'count' } }, after: { 5000: 'closed' } }, closed: { type: 'final' } },
  });
  const actor = createActor(machine).start();
  actor.send({ type: 'NEXT' });
  await waitFor(actor, (state) => state.matches('closed'));
  return [actor.getSnapshot().value, actor.getSnapshot().context.count];
}
