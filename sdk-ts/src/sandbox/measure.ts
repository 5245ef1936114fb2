// What it costs to evaluate a workflow file, which every run pays: measured once when a worker starts.

import { getHeapStatistics } from 'node:v8';
import type { EngineOptions } from '../worker/engine.ts';
import { OP } from './border.ts';
import { nobody, type Realm } from './realm-host.ts';

const WARN_MS = 1;
const WARN_BYTES = 100 * 1024;
const ROUNDS = 5;

/** Answers bytes per file where they could be measured; warns about files that cost each run more than 1 ms or 100 KB. The best of some rounds counts: other work must not cause a warning. */
export function measureModules(realm: Realm, options: EngineOptions): ReadonlyMap<string, number> {
  const measured = new Map<string, number>();
  for (const name of options.bundle.modules) {
    let ms = Number.POSITIVE_INFINITY;
    let bytes = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = getHeapStatistics().used_heap_size;
      const start = performance.now();
      realm.door.put(OP.measure, name, undefined);
      realm.enter(nobody(), undefined);
      ms = Math.min(ms, performance.now() - start);
      const grown = getHeapStatistics().used_heap_size - before;
      // Negative: a collection came between.
      if (grown > 0) bytes = Math.min(bytes, grown);
    }
    realm.door.leave();
    if (Number.isFinite(bytes)) measured.set(name, bytes);
    if (ms <= WARN_MS && !(bytes > WARN_BYTES && Number.isFinite(bytes))) continue;
    const cost = `${ms.toFixed(1)} ms and ${Number.isFinite(bytes) ? Math.ceil(bytes / 1024) : '?'} KB`;
    options.log(
      'warn',
      `workflow file ${name}: evaluating it takes every run ${cost} (more than ${WARN_MS} ms or ${WARN_BYTES / 1024} KB); ` +
        `largest in the bundle: ${options.bundle.largest.join(', ')}. Import less, or name packages in sharedModules`,
      { file: name },
    );
  }
  realm.door.takeLogs();
  return measured;
}
