/** What most end-to-end tests begin with: a service with a database of its own, a client, and workers as processes. */
import { fileURLToPath } from 'node:url';
import { Client } from '@perdure/sdk/client';
import { freePort, type Program, startNode, startProgram } from './program.ts';

const WORKER = fileURLToPath(new URL('../e2e/hard/worker.ts', import.meta.url));

export interface Stage {
  readonly address: string;
  dev: Program;
  readonly client: Client;
  /** A worker process with code of e2e/hard: a file of workflows, and options of the worker as JSON. Resolves when it polls. */
  worker(taskQueue: string, workflows?: string, options?: object): Promise<Program>;
  /** Workflow id and task queue of a run nobody else has. */
  fresh(taskQueue: string): { workflowId: string; taskQueue: string };
  /** Ends the service by this signal and starts it again on the same data. */
  restart(signal: NodeJS.Signals): Promise<void>;
  close(): Promise<void>;
}

/** Without a folder the data end with the service. */
export async function setStage(dataDir?: string): Promise<Stage> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const boot = async (): Promise<Program> => {
    const dev = startProgram(['dev', ...(dataDir === undefined ? ['--ephemeral'] : ['--data-dir', dataDir]), '--port', String(port)]);
    await dev.until(/serves on/);
    return dev;
  };
  const client = new Client({ address });
  const workers = new Set<Program>();
  let ids = 0;
  const stage: Stage = {
    address,
    dev: await boot(),
    client,
    async worker(taskQueue, workflows = 'workflows.ts', options = {}) {
      const worker = startNode([WORKER, address, taskQueue, workflows, JSON.stringify(options)]);
      workers.add(worker);
      void worker.finished.then(() => workers.delete(worker));
      await worker.until(/polls/);
      return worker;
    },
    fresh: (taskQueue) => ({ workflowId: `${taskQueue}-${++ids}`, taskQueue }),
    async restart(signal) {
      await stage.dev.end(signal);
      stage.dev = await boot();
    },
    async close() {
      client.close();
      await Promise.all([...workers].map((worker) => worker.end('SIGKILL')));
      await stage.dev.end('SIGINT');
    },
  };
  return stage;
}
