/** A whole node in this process on a given store: what simulation and history tests drive through the frontend. */
import type { Env } from '../../src/env.ts';
import { createFrontend } from '../../src/frontend/service.ts';
import { createHistory, type HistoryOptions, type HistoryService } from '../../src/history/service.ts';
import { createMatching, type Matching } from '../../src/matching/service.ts';
import type { Store } from '../../src/store/store.ts';
import type { Log } from '../../src/telemetry/log.ts';

export interface TestNode {
  readonly frontend: ReturnType<typeof createFrontend>;
  readonly history: HistoryService;
  readonly matching: Matching;
}

const KEY = new Uint8Array(32).fill(7);

export async function startTestNode(
  env: Env,
  store: Store,
  options: { history?: HistoryOptions; log?: Log; address?: string } = {},
): Promise<TestNode> {
  const log: Log = options.log ?? (() => {});
  const node = { nodeId: env.newId(), address: options.address ?? 'test:1', roles: 'all', version: 'test' };
  const history = createHistory({ env, store, node, matching: () => matching, log, tokenKey: KEY, options: options.history ?? {} });
  const matching = createMatching({ env, history: () => history, log });
  const frontend = createFrontend({ env, history, matching, store, tokenKey: KEY, version: 'test' });
  await history.start();
  return { frontend, history, matching };
}
