// The environment of a test: an engine, its time, a client, and workers.
import { Client, type ClientOptions, type Duration, type Log, ServiceError } from '@perdure/sdk/client';
import { toMs } from '@perdure/sdk/testing';
import { type ReplayOptions, Worker, type WorkerOptions } from '@perdure/sdk/worker';
import { createEngine, type Engine } from '@perdure/service/engine';
import { type ActivityOptions, runActivity, skippingActivities } from './activity.ts';
import { type Connection, createConnection } from './connection.ts';
import { createFlow, type Flow } from './flow.ts';
import { reportOf } from './report.ts';
import { createTime, type Time } from './time.ts';

/** How an environment is made. */
export interface EnvironmentOptions {
  /** What time it is at first. Default: the machine's time. */
  startTime?: Date;
  /** Codecs of client and workers. */
  dataConverter?: NonNullable<ClientOptions['dataConverter']>;
  /**
   * When nothing can move any run for so long, in real time, those who wait for a result are told what the runs wait for.
   * Default 1 s.
   */
  patience?: Duration;
  /** Takes log lines of engine, client and workers. Default: warnings and errors of workers go to the standard error stream. */
  log?: Log;
}

/** As for Worker.create; where the service is, and the clock, are given. */
export type TestWorkerOptions = Omit<WorkerOptions, 'address' | 'connection' | 'namespace' | 'clock' | 'handleSignals' | 'taskQueue'> & {
  /** Default "test". */
  taskQueue?: string;
};

/** A worker that takes tasks already. */
export interface TestWorker {
  readonly taskQueue: string;
  readonly workflowTypes: readonly string[];
  readonly activityTypes: readonly string[];
  /** Stops it as a deployment does, and resolves when it has stopped: what its runs wait for stays. */
  shutdown(): Promise<void>;
}

interface Parts {
  readonly options: EnvironmentOptions;
  readonly time: Time;
  readonly flow: Flow;
  readonly engine: Engine;
  readonly connection: Connection;
  readonly log: Log;
  readonly workers: Set<TestWorker>;
  closing: Promise<void> | undefined;
}

const warnings: Log = (level, message, fields = {}) => {
  if (level === 'warn' || level === 'error') process.stderr.write(`perdure ${level}: ${message} ${JSON.stringify(fields)}\n`);
};

/**
 * The real service in this process, in memory, with time that skips: while a test waits for a result, or in `sleep`, and nothing goes
 * on, time jumps to when something is due. Else it passes like that of the machine.
 */
export class TestEnvironment {
  /** A client of this environment's service. */
  readonly client: Client;
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    const { options, connection, time, log } = parts;
    const { dataConverter } = options;
    this.#parts = parts;
    this.client = new Client({ connection: connection.api, clock: time, log, ...(dataConverter && { dataConverter }) });
  }

  /** Starts one; close it at the end of the test. Environments share nothing. */
  static async create(options: EnvironmentOptions = {}): Promise<TestEnvironment> {
    const time = createTime(options.startTime?.getTime() ?? Date.now(), () => flow?.poke());
    let flow: Flow | undefined;
    const engine = await createEngine({ env: time, ...(options.log && { log: options.log }) });
    const connection = createConnection(engine, (kind) => (kind === 'poll' ? flow?.poke() : flow?.stir()));
    flow = createFlow({
      time,
      calls: connection,
      progress: engine.progress,
      patienceMs: toMs(options.patience ?? 1_000, 'patience'),
      async stuck(progress) {
        const message = await reportOf(engine, progress);
        connection.failWaits(new ServiceError({ code: FAILED_PRECONDITION, reason: 'TEST_STUCK', message, metadata: {} }));
      },
    });
    flow.poke();
    return new TestEnvironment({
      options,
      time,
      flow,
      engine,
      connection,
      log: options.log ?? warnings,
      workers: new Set(),
      closing: undefined,
    });
  }

  /** The environment's time. */
  now(): Date {
    return new Date(this.#parts.time.now());
  }

  /**
   * Lets time pass, as fast as everything that comes due in it is done. Unlike waiting for a result it also goes on while activities
   * run: what they do in real time may then come too late for their time-outs.
   */
  sleep(duration: Duration): Promise<void> {
    return this.#parts.flow.sleep(toMs(duration, 'duration'));
  }

  /** Makes a worker that takes tasks at once. Throws what Worker.create throws. */
  async createWorker(options: TestWorkerOptions): Promise<TestWorker> {
    const { flow, connection, time, log, workers, options: own } = this.#parts;
    const { taskQueue = 'test', activities, ...others } = options;
    const making = Worker.create({
      engine: 'inline',
      log,
      ...(own.dataConverter && { dataConverter: own.dataConverter }),
      ...others,
      ...(activities && { activities: skippingActivities(activities, flow) }),
      taskQueue,
      connection: connection.api,
      clock: time,
      handleSignals: false,
    });
    const worker = await flow.hold(making);
    const running = worker.run();
    const made: TestWorker = {
      taskQueue,
      workflowTypes: worker.workflowTypes,
      activityTypes: worker.activityTypes,
      async shutdown() {
        workers.delete(made);
        worker.shutdown();
        await running;
      },
    };
    workers.add(made);
    return made;
  }

  /**
   * Runs one attempt of an activity function here, without a worker: `await env.runActivity(charge, [order], { info: { attempt: 2 } })`.
   * Resolves to its result, rejects with what it throws. Its `sleep` skips time.
   */
  runActivity<F extends (...args: never[]) => unknown>(
    activity: F,
    args: Parameters<F>,
    options: ActivityOptions = {},
  ): ReturnType<typeof runActivity<F>> {
    return runActivity(this.#parts.flow, this.#parts.time, activity, args, options);
  }

  /** Replays the history of a run, or bytes of one kept in a file, with workflow code as it is now; as Worker.replay. */
  replay(options: ReplayOptions): Promise<void> {
    return this.#parts.flow.hold(Worker.replay(options));
  }

  /** Ends workers, client and engine; what is still open is gone. */
  close(): Promise<void> {
    this.#parts.closing ??= this.#close();
    return this.#parts.closing;
  }

  async #close(): Promise<void> {
    const { workers, engine, flow } = this.#parts;
    this.client.close();
    await Promise.all([...workers].map((worker) => worker.shutdown()));
    await engine.close();
    flow.close();
  }

  /** For `await using env = await TestEnvironment.create()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const FAILED_PRECONDITION = 9;
