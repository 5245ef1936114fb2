/** Batches of workers: every item is verified by itself, the good ones are handed on together, answers come back in order. */
import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import type { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import type { PerdureError } from '../errors.ts';
import type { NamespaceRow } from '../store/store.ts';
import { badToken, openActivityToken, openWorkflowToken } from '../tokens.ts';
import type { Context } from './call.ts';
import { noError, toItemError, toPerdureError } from './item-error.ts';

/** One item after its check: what goes on, or why not. */
export type Verified<V> = { readonly ok: V } | { readonly error: PerdureError };

/** Checks each item; an error of one does not touch the others. */
export function verifyEach<T, V>(context: Context, items: readonly T[], verify: (item: T) => V): Verified<V>[] {
  return items.map((item) => {
    try {
      return { ok: verify(item) };
    } catch (error) {
      return { error: toPerdureError(error, context) };
    }
  });
}

/** What passed. */
export function passed<V>(verified: readonly Verified<V>[]): V[] {
  return verified.flatMap((one) => ('ok' in one ? [one.ok] : []));
}

/** One outcome per item, in order: `outcomes` are those of the items that passed. */
export function merge<V, R>(verified: readonly Verified<V>[], outcomes: readonly R[], refused: (error: PerdureError) => R): R[] {
  let next = 0;
  return verified.map((one) => ('error' in one ? refused(one.error) : (outcomes[next++] as R)));
}

/** Hands what passed to history and makes one ItemError per item. */
export async function handOn<V>(
  context: Context,
  verified: readonly Verified<V>[],
  hand: (items: V[]) => Promise<(Error | undefined)[]>,
): Promise<ItemError[]> {
  const items = passed(verified);
  const outcomes = items.length === 0 ? [] : await hand(items);
  const errors = outcomes.map((error) => (error === undefined ? noError() : toItemError(toPerdureError(error, context))));
  return merge(verified, errors, toItemError);
}

/** The token of a workflow task of this namespace. Throws BAD_TOKEN. */
export function workflowToken(context: Context, namespace: NamespaceRow, bytes: Uint8Array): WorkflowTaskToken {
  const token = openWorkflowToken(context.tokenKey, bytes);
  if (token.namespaceId !== namespace.namespaceId) throw badToken('token');
  return token;
}

/** The token of an activity task of this namespace. Throws BAD_TOKEN. */
export function activityToken(context: Context, namespace: NamespaceRow, bytes: Uint8Array): ActivityTaskToken {
  const token = openActivityToken(context.tokenKey, bytes);
  if (token.namespaceId !== namespace.namespaceId) throw badToken('token');
  return token;
}
