// Worker.replay with what the worker was given: a history is replayed as it was written.

import { History } from '@perdure/proto/perdure/api/v1/event';
import { expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { createRunLog } from '../../test/support/run-log.ts';
import { encodeMessage, type PayloadCodec } from '../common/data-converter.ts';
import { bundleWorkflows } from '../sandbox/bundle.ts';
import { createInlineEngine } from '../sandbox/inline.ts';
import { Worker } from './worker.ts';

const flip = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 0xff);
const codec: PayloadCodec = {
  encode: async (payloads) => payloads.map((payload) => ({ ...payload, encoding: `f/${payload.encoding}`, data: flip(payload.data) })),
  decode: async (payloads) => payloads.map((payload) => ({ ...payload, encoding: payload.encoding.slice(2), data: flip(payload.data) })),
};

test('R-CONVERT-2, R-INTERCEPT-2: codecs and interceptors take part in Worker.replay', { timeout: 30_000 }, async () => {
  const workflows = fixture('intercepted.ts');
  const workflowInterceptors = [fixture('interceptors.ts')];
  const bundle = await bundleWorkflows(workflows, { interceptorModules: workflowInterceptors });
  const engine = await createInlineEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {} });
  const log = createRunLog('traced', ['x']);
  await log.run(engine);
  log.completeActivity(1, 'worked');
  log.signal('go', 'now');
  await log.run(engine);
  await engine.close();
  const history = History.decode(History.encode({ events: log.events }).finish());
  await encodeMessage({ codecs: [codec] }, history);
  const before = structuredClone(history);
  const dataConverter = { codecs: [codec] };
  await Worker.replay({ workflows, workflowInterceptors, dataConverter, history });
  expect(history).toEqual(before);
  await Worker.replay({ workflows: bundle, dataConverter, history: History.encode(history).finish() });
  // Without the interceptor the code asks for something else; without the codec it cannot read what it was given.
  await expect(Worker.replay({ workflows, dataConverter, history })).rejects.toThrow(/argument \d differs|nondetermin/i);
  await expect(Worker.replay({ workflows, workflowInterceptors, history })).rejects.toThrow('cannot be read');
});
