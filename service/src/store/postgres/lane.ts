/** One lane: a connection of its own, one commit at a time. */
import type pg from 'pg';
import { checkBatch } from '../checks.ts';
import { type CommitAnswer, type CommitRecord, StoreError } from '../store.ts';
import { type CommitRow, commitBatch, readCommitAnswer } from './commit.ts';
import { commitParameters } from './commit-parameters.ts';
import { type Isolation, openClient } from './connect.ts';
import { classify, losesConnection } from './failures.ts';
import { pauseBeforeRetry, TRIES } from './retry.ts';

export interface Lane {
  /** Rejects with StoreError. Aborts are retried here, so `abort` means that many tries have failed. */
  commit(me: string, records: readonly CommitRecord[]): Promise<CommitAnswer>;
  close(): Promise<void>;
}

/** The plan is made once: with the guard in connect.ts and lookups by key only (commit.ts) no later one would be better. */
export const LANE_SETTINGS: Readonly<Record<string, string>> = { plan_cache_mode: 'force_generic_plan' };

export interface LaneOptions {
  readonly url: string;
  readonly number: number;
  readonly isolation: Isolation | undefined;
  onNotice(message: string): void;
}

/** Ends a connection without asking the server: an answer may never come. */
function drop(client: pg.Client): void {
  client.end().catch(() => {});
  (client as pg.Client & { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
}

export function createLane(options: LaneOptions): Lane {
  let client: pg.Client | undefined;

  async function connected(): Promise<pg.Client> {
    if (client !== undefined) return client;
    try {
      const opened = await openClient(options.url, `perdure-lane-${options.number}`, options.isolation, LANE_SETTINGS);
      opened.on('end', () => {
        if (client === opened) client = undefined;
      });
      client = opened;
      return opened;
    } catch (error) {
      throw classify(error, 'connect');
    }
  }

  async function send(me: string, records: readonly CommitRecord[]): Promise<CommitAnswer> {
    const values = commitParameters(me, records);
    const connection = await connected();
    try {
      const { rows } = await connection.query<CommitRow>({ ...commitBatch, values });
      if (rows[0] === undefined) throw new StoreError('ambiguous', 'the commit statement answered no row');
      return readCommitAnswer(rows[0], records);
    } catch (error) {
      if (losesConnection(error)) {
        if (client === connection) client = undefined;
        drop(connection);
      }
      throw classify(error, 'write');
    }
  }

  return {
    async commit(me, records) {
      checkBatch(records);
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await send(me, records);
        } catch (error) {
          const failure = classify(error, 'write');
          if (failure.kind !== 'abort' || attempt === TRIES) throw failure;
          options.onNotice(`lane ${options.number}: try ${attempt} was rolled back (${failure.sqlState}): ${failure.message}`);
          await pauseBeforeRetry(attempt);
        }
      }
    },
    async close() {
      const open = client;
      client = undefined;
      await open?.end().catch(() => {});
    },
  };
}
