// A run from start to result, message by message, as a service in this process answers it: the bytes in docs/writing-an-sdk.md.
// Time and ids are given, so that the same code makes the same bytes.
import { History } from '@perdure/proto/perdure/api/v1/event';
import {
  CompleteActivityTasksRequest,
  CompleteWorkflowTasksRequest,
  CompleteWorkflowTasksResponse,
  PollActivityTasksRequest,
  PollActivityTasksResponse,
  PollWorkflowTasksRequest,
  PollWorkflowTasksResponse,
} from '@perdure/proto/perdure/api/v1/worker_service';
import {
  AwaitWorkflowResultsRequest,
  AwaitWorkflowResultsResponse,
  StartWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { createMemoryDatabase } from '../service/src/store/memory/database.ts';
import { createMemoryStore } from '../service/src/store/memory/store.ts';
import { createManualEnv } from '../service/test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../service/test/support/node.ts';
import { wireText } from './wire-text.ts';

interface Codec<T> {
  fromPartial(part: object): T;
  encode(message: T): { finish(): Uint8Array };
}

const json = (value: unknown): object => ({ encoding: 'json/plain', data: new TextEncoder().encode(JSON.stringify(value)) });
const call = { abort: new AbortController().signal };
const namespace = 'default';
const queue = { namespace, taskQueue: 'greetings' };
const worker = {
  workerId: '01890a5d-ac96-774b-bcce-b302099a8057',
  identity: '7@host',
  buildId: 'v1',
  sdkName: 'mine',
  sdkVersion: '0.1',
};
const poll = { ...queue, worker, waitTimeout: { seconds: 60n } };
/** Shown with the first poll. */
const known = { namespace: '', worker: undefined };
const run = { workflowId: 'greet-1', runId: '' };

interface Scene {
  readonly frontend: TestNode['frontend'];
  /** The text of each message by name. */
  readonly shown: Record<string, string>;
  /** Makes a message; `hidden` fields are sent but not shown again. */
  show<T extends object>(name: string, type: string, codec: Codec<T>, part: object, hidden?: Partial<T>): T;
  /** Lets time pass until the service answers. */
  answerOf<T>(answer: Promise<T>): Promise<T>;
  end(): Promise<void>;
}

async function createScene(): Promise<Scene> {
  const env = createManualEnv();
  const store = createMemoryStore({ now: env.now, database: createMemoryDatabase() });
  const { frontend, history } = await startTestNode(env, store);
  const shown: Record<string, string> = {};
  return {
    frontend,
    shown,
    show(name, type, codec, part, hidden = {}) {
      const message = codec.fromPartial(part);
      shown[name] = wireText(type, codec.encode({ ...message, ...hidden }).finish());
      return message;
    },
    async answerOf(answer) {
      let isThere = false;
      const seen = answer.finally(() => {
        isThere = true;
      });
      for (let ms = 0; !isThere && ms < 1_000; ms += 1) await env.advance(1);
      return await seen;
    },
    async end() {
      const stopping = history.stop();
      await env.advance(60_000);
      await stopping;
    },
  };
}

/** From the start to the first commands. */
async function begin({ frontend, show, answerOf }: Scene): Promise<void> {
  const request = show('start', 'StartWorkflowRequest', StartWorkflowRequest, {
    workflowId: run.workflowId,
    workflowType: 'greet',
    taskQueue: queue.taskQueue,
    input: [json('World')],
    requestId: '01890a5d-ac96-774b-bcce-b302099a8001',
  });
  await answerOf(frontend.startWorkflow(request, call));

  const ask = show('poll', 'PollWorkflowTasksRequest', PollWorkflowTasksRequest, poll);
  const first = await answerOf(frontend.pollWorkflowTasks(ask, call));
  show('task', 'PollWorkflowTasksResponse', PollWorkflowTasksResponse, first);

  const schedule = { number: 1, activityId: '1', activityType: 'compose', input: [json('World')], startToCloseTimeout: { seconds: 30n } };
  const step = show(
    'schedule',
    'CompleteWorkflowTasksRequest',
    CompleteWorkflowTasksRequest,
    {
      namespace,
      worker,
      completions: [{ token: first.tasks[0]?.token, commands: [{ attributes: { $case: 'scheduleActivity', value: schedule } }] }],
      receivedAnswerIds: [first.answerId],
    },
    known,
  );
  show(
    'accepted',
    'CompleteWorkflowTasksResponse',
    CompleteWorkflowTasksResponse,
    await answerOf(frontend.completeWorkflowTasks(step, call)),
  );
}

/** The activity, the second task, and the result. */
async function goOn({ frontend, show, answerOf }: Scene): Promise<void> {
  const asked = PollActivityTasksRequest.fromPartial(poll);
  const attempt = await answerOf(frontend.pollActivityTasks(asked, call));
  show('attempt', 'PollActivityTasksResponse', PollActivityTasksResponse, attempt);
  const composed = { $case: 'completed', value: { result: json('Hello, World!') } };
  const done = show(
    'composed',
    'CompleteActivityTasksRequest',
    CompleteActivityTasksRequest,
    {
      namespace,
      worker,
      completions: [{ token: attempt.tasks[0]?.token, outcome: composed }],
      receivedAnswerIds: [attempt.answerId],
    },
    { ...known, receivedAnswerIds: [] },
  );
  await answerOf(frontend.completeActivityTasks(done, call));

  const second = await answerOf(frontend.pollWorkflowTasks(PollWorkflowTasksRequest.fromPartial(poll), call));
  const task = second.tasks[0];
  // A history may be cut between events.
  show('second', 'History', History, { events: History.decode(task?.history ?? new Uint8Array(0)).events.slice(1) });
  const close = { $case: 'completeWorkflow', value: { result: json('Hello, World!') } };
  const last = show(
    'close',
    'CompleteWorkflowTasksRequest',
    CompleteWorkflowTasksRequest,
    { namespace, worker, completions: [{ token: task?.token, commands: [{ attributes: close }] }], receivedAnswerIds: [second.answerId] },
    { ...known, receivedAnswerIds: [] },
  );
  await answerOf(frontend.completeWorkflowTasks(last, call));

  const wait = AwaitWorkflowResultsRequest.fromPartial({ executions: [run], waitTimeout: { seconds: 60n } });
  show('result', 'AwaitWorkflowResultsResponse', AwaitWorkflowResultsResponse, await answerOf(frontend.awaitWorkflowResults(wait, call)));
}

const scene = await createScene();
await begin(scene);
await goOn(scene);
await scene.end();

export const walkThrough: Readonly<Record<string, string>> = scene.shown;
