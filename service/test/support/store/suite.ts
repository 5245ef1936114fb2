/** The contract of `Store` as tests. Every store passes all of them; each test takes nodes, slots and ids of its own. */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { commitRefuses, commitWrites, twiceInOneBatch, twoOpenRuns } from './commit.ts';
import { namespaces } from './namespaces.ts';
import { nodes, slots } from './ownership.ts';
import { purges } from './purge.ts';
import { due, loads } from './reads.ts';
import type { OpenStore } from './scene.ts';
import { groups, lists } from './visibility.ts';

/** Registers the tests. `open` is called once, before the first. */
export function describeStore(name: string, open: OpenStore): void {
  describe(name, () => {
    let store: Store;
    const opened = (): Store => store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());

    describe('a commit writes', () => commitWrites(opened));
    describe('a commit refuses', () => {
      commitRefuses(opened);
      twiceInOneBatch(opened);
      twoOpenRuns(opened);
    });
    describe('nodes', () => nodes(opened));
    describe('slots', () => slots(opened));
    describe('loads', () => loads(opened));
    describe('due', () => due(opened));
    describe('purge', () => purges(opened));
    describe('lists', () => lists(opened));
    describe('groups', () => groups(opened));
    describe('namespaces', () => namespaces(opened));
  });
}
