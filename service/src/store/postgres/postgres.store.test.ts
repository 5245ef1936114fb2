/** The PostgreSQL store against the contract, at both isolation levels, and on CockroachDB where COCKROACH_URL names one. */
import { inject } from 'vitest';
import { createCockroachDatabase, createTestDatabase } from '../../../test/support/database.ts';
import { describeStore } from '../../../test/support/store/suite.ts';
import { createPostgresStore } from './store.ts';

for (const isolation of ['read committed', 'serializable'] as const) {
  describeStore(`PostgreSQL, ${isolation}`, async () => createPostgresStore({ url: await createTestDatabase(), isolation }));
}

if (inject('cockroachUrl') !== '') {
  describeStore('CockroachDB', async () => createPostgresStore({ url: await createCockroachDatabase(), isolation: 'serializable' }));
}
