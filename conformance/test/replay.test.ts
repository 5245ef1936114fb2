// Worker.replay holds workflow code to recorded histories. R-REPLAY-1, R-REPLAY-4.
import { fileURLToPath } from 'node:url';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { Worker } from '@perdure/sdk/worker';
import { expect, test } from 'vitest';
import { recordedRuns } from '../harness/recorded.ts';

const code = (file: string): string => fileURLToPath(new URL(`../features/replay/changed-code/${file}`, import.meta.url));
const history = recordedRuns('replay/changed-code').get('wf') ?? new Uint8Array(0);

test('code that asks for what the history holds passes', async () => {
  await Worker.replay({ workflows: code('workflows.ts'), history });
  await Worker.replay({ workflows: code('workflows.ts'), history: History.decode(history) });
});

test('code that asks for other steps is told both sides', async () => {
  const replay = Worker.replay({ workflows: code('workflows.changed.ts'), history });
  await expect(replay).rejects.toMatchObject({
    name: 'NondeterminismError',
    message: expect.stringMatching(/Recorded: start timer 1 .*Produced: schedule activity 1 "anything"/),
  });
});

test('what is no whole history is refused', async () => {
  const { events } = History.decode(history);
  const replay = Worker.replay({ workflows: code('workflows.ts'), history: { events: events.slice(1) } });
  await expect(replay).rejects.toThrow('history: holds no start');
  // Nothing was asked of the code yet.
  await Worker.replay({ workflows: code('workflows.ts'), history: { events: events.slice(0, 1) } });
});
