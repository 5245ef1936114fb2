/** Namespaces: created once, changed one change at a time, removed by name and id. */
import { expect, test } from 'vitest';
import { DEFAULT_NAMESPACE, EMPTY_CONFIG, MAC_SECRET } from '../../../src/store/seed.ts';
import type { NamespaceRow, Store } from '../../../src/store/store.ts';
import { failureKind, newId } from './scene.ts';

const newRow = (): NamespaceRow => ({
  namespaceId: newId(),
  name: `team-${newId()}`,
  retentionMs: 3_600_000,
  version: 0,
  config: { ...EMPTY_CONFIG, owner: 'me', labels: { 'cost-centre': '7' }, searchAttributes: { Customer: 'keyword' } },
});

export function namespaces(open: () => Store): void {
  test('the default namespace and the secret are there', async () => {
    const store = open();
    expect(await store.getNamespace('default')).toEqual(DEFAULT_NAMESPACE);
    expect((await store.getSecret(MAC_SECRET))?.length).toBe(32);
    expect(await store.getSecret('none')).toBeUndefined();
  });

  test('creating a namespace twice keeps the first', async () => {
    const store = open();
    const row = newRow();
    expect(await store.getNamespace(row.name)).toBeUndefined();
    const [first, second] = await Promise.all([store.createNamespace(row), store.createNamespace({ ...row, namespaceId: newId() })]);
    expect(first).toEqual(second);
    expect(await store.createNamespace({ ...row, retentionMs: 1 })).toEqual(first);
    expect(await store.getNamespace(row.name)).toEqual(first);
    expect(await store.listNamespaces()).toEqual(expect.arrayContaining([DEFAULT_NAMESPACE, first]));
    expect(await failureKind(store.createNamespace({ ...row, name: 'nul \0' }))).toBe('poison');
    expect(await failureKind(store.createNamespace({ ...row, config: { ...EMPTY_CONFIG, labels: { a: '\ud800' } } }))).toBe('poison');
    expect(await failureKind(store.createNamespace({ ...first, name: `${row.name}-2` }))).toBe('poison');
  });

  test('R-NS-3: of two updates of one version one is written', async () => {
    const store = open();
    const row = await store.createNamespace(newRow());
    const changed = { ...row, retentionMs: 7_200_000, config: { ...row.config, description: 'payments' } };
    const written = await Promise.all([store.updateNamespace(changed), store.updateNamespace({ ...changed, retentionMs: 1 })]);
    expect(written.filter(Boolean)).toHaveLength(1);
    const stored = await store.getNamespace(row.name);
    expect(stored).toMatchObject({ version: 1, config: { description: 'payments', owner: 'me' } });
    expect(await store.updateNamespace(changed)).toBe(false);
    expect(await store.updateNamespace({ ...changed, version: 1, namespaceId: newId() })).toBe(false);
    expect(await store.updateNamespace({ ...changed, version: 1 })).toBe(true);
    expect(await store.getNamespace(row.name)).toEqual({ ...changed, version: 2 });
  });

  test('a namespace is removed by name and id, and its name may be used again', async () => {
    const store = open();
    const row = await store.createNamespace(newRow());
    expect(await store.removeNamespace(row.name, newId())).toBe(false);
    expect(await store.removeNamespace(row.name, row.namespaceId)).toBe(true);
    expect(await store.getNamespace(row.name)).toBeUndefined();
    expect(await store.updateNamespace(row)).toBe(false);
    expect(await store.createNamespace({ ...row, namespaceId: newId() })).toMatchObject({ name: row.name });
  });
}
