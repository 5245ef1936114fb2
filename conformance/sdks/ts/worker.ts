// The conformance worker of the TypeScript SDK: one process that runs the workflows, activities and client calls of many features.
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, type PayloadCodec } from '@perdure/sdk/client';
import { type ActivityInterceptor, bundleWorkflows, type Log, Worker, type WorkerOptions } from '@perdure/sdk/worker';
import type { Scope } from './scope.ts';

interface Order {
  readonly kind: 'start' | 'call' | 'replay';
  readonly id: number;
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly features: readonly string[];
  readonly options: Options;
  readonly feature: string;
  readonly function: string;
  readonly args: readonly unknown[];
  readonly scope: { readonly idPrefix: string; readonly taskQueue: string };
  readonly history: string;
}

interface Options {
  readonly cache?: boolean;
  readonly maxConcurrentActivities?: number;
  readonly maxConcurrentWorkflowTasks?: number;
  readonly shutdownGraceMs?: number;
  readonly failureTypes?: Readonly<Record<string, readonly string[]>>;
  readonly variant?: string;
  readonly buildId?: string;
  readonly interceptors?: boolean;
  readonly converter?: boolean;
  readonly maxActivitiesPerSecond?: number;
}

type Module = Readonly<Record<string, unknown>>;

const report = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
const log: Log = (level, message, fields = {}) => report({ kind: 'log', level, message, fields });

/** A file of a feature, if it has one. */
function fileOf(feature: string, name: string): string | undefined {
  const path = fileURLToPath(new URL(`../../features/${feature}/${name}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** Types are known to all features of a worker by one name, so two features must not share one. */
async function activitiesOf(features: readonly string[]): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const feature of features) {
    const path = fileOf(feature, 'activities.ts');
    if (path === undefined) continue;
    for (const [name, value] of Object.entries((await import(path)) as Module)) {
      if (typeof value !== 'function') continue;
      if (name in all) throw new Error(`activity ${name} of ${feature}: another feature has an activity of this name`);
      all[name] = value;
    }
  }
  return all;
}

/** What features bring along to surround their code. */
async function interceptorsOf(features: readonly string[]): Promise<Partial<WorkerOptions>> {
  const workflowInterceptors = features.map((feature) => fileOf(feature, 'interceptors.ts')).filter((path) => path !== undefined);
  const activityInterceptors: ActivityInterceptor[] = [];
  for (const feature of features) {
    const path = fileOf(feature, 'activities.ts');
    const module = path === undefined ? {} : ((await import(path)) as { activityInterceptors?: ActivityInterceptor[] });
    activityInterceptors.push(...(module.activityInterceptors ?? []));
  }
  return { workflowInterceptors, activityInterceptors };
}

/** The converter of the one feature a worker of its own runs. */
async function converterOf([feature = '']: readonly string[]): Promise<Partial<WorkerOptions>> {
  const path = fileOf(feature, 'converter.ts');
  if (path === undefined) throw new Error(`${feature} has no converter.ts`);
  const { codecs } = (await import(path)) as { codecs?: PayloadCodec[] };
  return { dataConverter: { payloadConverterModule: path, encodeFailures: true, ...(codecs && { codecs }) } };
}

/** The workflow code of a feature, as it is in this deployment. */
function workflowsOf(feature: string, variant: string | undefined): string | undefined {
  return (variant === undefined ? undefined : fileOf(feature, `workflows.${variant}.ts`)) ?? fileOf(feature, 'workflows.ts');
}

async function createWorker(order: Order, workflows: readonly string[]): Promise<Worker | undefined> {
  const { cache, shutdownGraceMs, variant: _, interceptors, converter, ...options } = order.options;
  const activities = await activitiesOf(order.features);
  const hasActivities = Object.keys(activities).length > 0;
  if (workflows.length === 0 && !hasActivities) return undefined;
  const settings: WorkerOptions = {
    address: order.address,
    namespace: order.namespace,
    taskQueue: order.taskQueue,
    log,
    ...options,
    ...(interceptors && (await interceptorsOf(order.features))),
    ...(converter && (await converterOf(order.features))),
    // What takes a byte is dropped as soon as another run is needed.
    ...(cache === false && { cacheBytes: 1 }),
    ...(shutdownGraceMs !== undefined && { shutdownGrace: shutdownGraceMs }),
    ...(workflows.length > 0 && { workflows }),
    ...(hasActivities && { activities }),
  };
  return await Worker.create(settings);
}

async function callClient(
  client: Client,
  { feature, function: name, args, scope, address }: Order & { address: string },
): Promise<unknown> {
  const path = fileOf(feature, 'client.ts');
  if (path === undefined) throw new Error(`${feature} has no client.ts`);
  const call = ((await import(path)) as Module)[name];
  if (typeof call !== 'function') throw new Error(`${path} exports no function ${name}`);
  const given: Scope = { client, address, taskQueue: scope.taskQueue, workflowId: (run) => `${scope.idPrefix}${run}` };
  return await (call as (scope: Scope, ...rest: readonly unknown[]) => unknown)(given, ...args);
}

/** An error as the contract shows it: its class, its message and what it says to programs. */
function errorOf(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, cause, ...facts } = error as Error & Record<string, unknown>;
  const plain = Object.entries(facts).filter(
    ([key, value]) => key !== 'stack' && (typeof value !== 'object' || value === null || Array.isArray(value) || key === 'metadata'),
  );
  return { ...Object.fromEntries(plain), type: name, message, ...(cause === undefined ? {} : { cause: errorOf(cause) }) };
}

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) return;
  const order = JSON.parse(first.value) as Order;
  const { address, namespace, features, options } = order;
  const workflows = features.map((feature) => workflowsOf(feature, options.variant)).filter((path) => path !== undefined);
  const worker = await createWorker(order, workflows);
  const client = new Client({ address, namespace, log });
  const running = worker?.run();
  const manifest = JSON.parse(readFileSync(new URL('../../../sdk-ts/package.json', import.meta.url), 'utf8')) as { version: string };
  report({ kind: 'ready', sdk: 'typescript', version: manifest.version });

  const bundles = new Map<string, ReturnType<typeof bundleWorkflows>>();
  const replay = async ({ feature, history }: Order): Promise<void> => {
    const path = workflowsOf(feature, options.variant);
    if (path === undefined) throw new Error(`${feature} has no workflows.ts`);
    const bundle = bundles.get(feature) ?? bundleWorkflows(path);
    bundles.set(feature, bundle);
    const { failureTypes } = options;
    await Worker.replay({ workflows: await bundle, history: Buffer.from(history, 'base64'), ...(failureTypes && { failureTypes }) });
  };
  const answer = async (asked: Order): Promise<void> => {
    try {
      const value = asked.kind === 'replay' ? await replay(asked) : await callClient(client, { ...asked, address });
      report({ kind: 'done', id: asked.id, ...(value !== undefined && { value }) });
    } catch (error) {
      report({ kind: 'error', id: asked.id, error: errorOf(error) });
    }
  };
  process.once('SIGTERM', () => {
    if (worker === undefined) process.exit(0);
  });
  void running?.then(() => {
    client.close();
    process.exit(0);
  });
  for (let next = await lines.next(); !next.done; next = await lines.next()) void answer(JSON.parse(next.value) as Order);
  // Without its harness nobody would end it.
  process.exit(0);
}

await main();
