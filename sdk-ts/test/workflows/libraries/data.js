// Libraries that shape, compare and print data.

import { sleep } from '@perdure/sdk/workflow';
import deepmerge from 'deepmerge';
import equal from 'fast-deep-equal';
import { enableMapSet, produce } from 'immer';
import lodash from 'lodash';
import { LRUCache } from 'lru-cache';
import Mustache from 'mustache';
import qs from 'qs';
import * as R from 'ramda';
import semver from 'semver';
import superjson from 'superjson';
import { match, P } from 'ts-pattern';
import YAML from 'yaml';

enableMapSet();

export async function lodashLibrary() {
  const groups = lodash.groupBy([1, 2, 3, 4], (n) => (n % 2 ? 'odd' : 'even'));
  const copy = lodash.cloneDeep({ when: new Date(0), list: new Map([[1, new Set([2])]]) });
  await sleep(1000);
  return [groups, copy.when.toISOString(), [...copy.list.get(1)], lodash.template('hi <%= name %>')({ name: 'x' }), lodash.sample([7])];
}

export async function ramda() {
  const names = R.pipe(R.filter(R.propEq(true, 'on')), R.pluck('name'), R.sort(R.ascend(R.identity)));
  const of = names([
    { name: 'b', on: true },
    { name: 'a', on: true },
    { name: 'c', on: false },
  ]);
  await sleep(1000);
  return [of, R.assocPath(['a', 'b'], 1, {}), R.equals({ a: [1] }, { a: [1] })];
}

export async function immer() {
  const base = { list: [{ done: false }], seen: new Map([['a', 1]]) };
  const next = produce(base, (draft) => {
    draft.list[0].done = true;
    draft.seen.set('b', 2);
  });
  await sleep(1000);
  return [base.list[0].done, next.list[0].done, [...next.seen], Object.isFrozen(next)];
}

export async function deepmergeLibrary() {
  const merged = deepmerge({ a: { b: 1 }, list: [1] }, { a: { c: 2 }, list: [2] });
  await sleep(1000);
  return merged;
}

export async function fastDeepEqual() {
  await sleep(1000);
  return [equal({ a: [new Date(1)] }, { a: [new Date(1)] }), equal({ a: /x/g }, { a: /x/i })];
}

export async function lruCache() {
  const cache = new LRUCache({ max: 2, ttl: 60_000 });
  cache.set('a', 1).set('b', 2).set('c', 3);
  const before = [...cache.keys()];
  await sleep('2m');
  return [before, cache.get('c') ?? 'expired'];
}

export async function mustache() {
  await sleep(1000);
  return Mustache.render('{{#items}}<{{name}}>{{/items}} {{&raw}} {{raw}}', { items: [{ name: 'a' }, { name: 'b' }], raw: '<b>' });
}

export async function qsLibrary() {
  await sleep(1000);
  return [qs.parse('a[b]=1&c[]=2&c[]=3'), qs.stringify({ a: { b: 'ä' }, when: new Date(0) })];
}

export async function semverLibrary() {
  await sleep(1000);
  return [semver.satisfies('1.2.3', '^1.1'), semver.inc('1.2.3', 'minor'), semver.rsort(['1.0.0', '1.10.0', '1.9.0'])];
}

export async function superjsonLibrary() {
  const text = superjson.stringify({ when: new Date(0), set: new Set([1]), big: 5n, none: undefined });
  await sleep(1000);
  const back = superjson.parse(text);
  return [text, back.when.getTime(), back.set.has(1), typeof back.big];
}

export async function tsPattern() {
  const tell = (value) =>
    match(value)
      .with({ kind: 'ok', value: P.select(P.number) }, (n) => `number ${n}`)
      .with({ kind: P.union('no', 'never') }, () => 'refused')
      .otherwise(() => 'other');
  await sleep(1000);
  return [tell({ kind: 'ok', value: 3 }), tell({ kind: 'never' }), tell(null)];
}

export async function yaml() {
  const value = YAML.parse('a: [1, 2]\nb: { c: true }\n');
  await sleep(1000);
  return YAML.stringify(value);
}
