// Plays the steps of a scenario one after another, and says which one went wrong and how.
import { setTimeout as delay } from 'node:timers/promises';
import * as client from './client-steps.ts';
import { normalise, withLines } from './history.ts';
import { differences, pick } from './match.ts';
import { type Step, type Verb, type Verbs, verbOf } from './scenario.ts';
import { knownNames, lookUp, type Stage } from './stage.ts';
import * as tasks from './task-steps.ts';
import { durationMs, fillIn, fromProto, isObject, type Json, type JsonObject, toProto } from './values.ts';
import { Refusal, untilAnswers } from './wire.ts';

const WITHIN_MS = 20_000;
/** Processes start slowly on a busy machine, which is not what a feature is about. */
const PROCESS_WITHIN_MS = 60_000;
const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 200;

/** A step that went wrong. */
export class StepError extends Error {
  constructor(place: string, what: string, lines: readonly string[]) {
    super(`step ${place} (${what}): ${lines.join('\n    ')}`);
  }
}

type Player<V extends Verb> = (stage: Stage, args: NonNullable<Verbs[V]>) => Promise<Json>;

/** Steps with an answer, by verb; the others are told apart in `play`. */
const players: { readonly [V in Exclude<Verb, 'join' | 'repeat' | 'log'>]: Player<V> } = {
  ...client,
  ...tasks,
  client: (stage, { call, args = [] }) =>
    workerOf(stage).call(stage.feature.name, call, args, { idPrefix: stage.idPrefix, taskQueue: stage.taskQueue }),
  async worker(stage, order) {
    const { worker } = stage;
    if (worker === undefined || !worker.own) throw new Error('only a worker of its own (worker: own) can be stopped and started');
    if (order === 'freeze' || order === 'thaw') worker.current?.[order]();
    else if (order === 'stop' || order === 'kill') {
      await worker.current?.[order]();
      worker.current = undefined;
    } else worker.current = await worker.start(order === 'start' ? (stage.feature.scenario.options ?? {}) : order.start);
    return {};
  },
  async service({ service, wire }, order) {
    if (service === undefined) throw new Error('only a service of its own (service: own) can be stopped and started');
    await service[order]();
    // A connection that lost its service waits a little before it looks again.
    if (order === 'start') await untilAnswers(wire, PROCESS_WITHIN_MS);
    return {};
  },
  async replay(stage, { history }) {
    return workerOf(stage).replay(stage.feature.name, Buffer.from(String(toProto(history)), 'base64'));
  },
  value: async (_, value) => withLines(fromProto(toProto(value))),
};

function workerOf({ worker }: Stage): NonNullable<NonNullable<Stage['worker']>['current']> {
  if (worker?.current === undefined) throw new Error('no SDK worker runs');
  return worker.current;
}

/** Plays all steps, then waits for those in the background. */
export async function playSteps(stage: Stage, steps: readonly Step[], place = ''): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const at = `${place}${index + 1}`;
    if (step.background === undefined) await playStep(stage, step, at);
    else {
      const { background, ...rest } = step;
      const playing = playStep(stage, rest, at);
      playing.catch(() => {});
      stage.background.set(String(fillIn(background, (name) => lookUp(stage, name))), playing);
    }
  }
  if (place === '') await Promise.all(stage.background.values());
}

async function playStep(stage: Stage, raw: Step, place: string): Promise<void> {
  const verb = verbOf(raw);
  if (raw.repeat !== undefined) {
    for (let i = 1; i <= raw.repeat.times; i += 1) {
      stage.captured.set('i', i);
      await playSteps(stage, raw.repeat.steps, `${place}.`);
    }
    return;
  }
  let what: string = verb;
  try {
    const step = fillIn(raw as Json, (name) => lookUp(stage, name)) as unknown as Step;
    what = summary(verb, step[verb]);
    const usual = verb === 'service' || verb === 'worker' ? PROCESS_WITHIN_MS : WITHIN_MS;
    const limit = step.within === undefined ? usual : durationMs(step.within);
    await playFilled(stage, verb, step, place, what, limit);
  } catch (error) {
    if (error instanceof StepError) throw error;
    throw new StepError(place, what, [error instanceof Refusal ? error.message : ((error as Error).message ?? String(error))]);
  }
}

function summary(verb: Verb, args: unknown): string {
  if (typeof args === 'string') return `${verb} ${args}`;
  const { run, task, method, call, type, name, kind } = (isObject(args) ? args : {}) as JsonObject;
  return [verb, run, task, method, call, type, name, kind].filter((word) => typeof word === 'string').join(' ');
}

async function playFilled(stage: Stage, verb: Verb, step: Step, place: string, what: string, limit: number): Promise<void> {
  if (verb === 'join') {
    const playing = stage.background.get(step.join ?? '');
    if (playing === undefined) throw new Error('no such step in the background');
    await inTime(playing, limit);
    stage.background.delete(step.join ?? '');
    return;
  }
  if (verb === 'log') {
    await untilLogged(stage, step.log ?? {}, limit);
    return;
  }
  const player = players[verb as keyof typeof players] as Player<Verb>;
  const once = async (): Promise<Json> => shown(stage, await player(stage, step[verb] as never));
  const end = performance.now() + limit;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
    const left = end - performance.now();
    const { answer, refusal } = await outcomeOf(inTime(once(), Math.max(left, 1)));
    const missing = step.until === undefined ? [] : refusal === undefined ? differences(step.until, answer) : [refusal.message];
    if (missing.length > 0) {
      if (performance.now() + pause > end) throw new StepError(place, what, [`not so within ${limit / 1_000} s:`, ...missing]);
      await delay(pause);
      continue;
    }
    checkOutcome(step, answer, refusal, place, what);
    for (const [name, path] of Object.entries(step.capture ?? {})) {
      const value = pick(refusal === undefined ? answer : (refusal.facts as Json), path);
      if (value === undefined) throw new Error(`nothing to capture at ${path} in ${JSON.stringify(answer)}`);
      stage.captured.set(name, value);
    }
    return;
  }
}

async function outcomeOf(playing: Promise<Json>): Promise<{ answer?: Json; refusal?: Refusal }> {
  try {
    return { answer: await playing };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error };
    throw error;
  }
}

function checkOutcome(step: Step, answer: Json | undefined, refusal: Refusal | undefined, place: string, what: string): void {
  if (step.error !== undefined) {
    if (refusal === undefined)
      throw new StepError(place, what, [`expected the refusal ${JSON.stringify(step.error)}, actual ${JSON.stringify(answer)}`]);
    const wrong = differences(step.error, refusal.facts as Json);
    if (wrong.length > 0) throw new StepError(place, what, [...wrong, `the refusal: ${JSON.stringify(refusal.facts)}`]);
    return;
  }
  if (refusal !== undefined) throw refusal;
  const wrong = step.expect === undefined ? [] : differences(step.expect, answer);
  if (wrong.length > 0) throw new StepError(place, what, wrong);
}

/** Lines of histories in answers name runs as history.txt does. */
function shown(stage: Stage, answer: Json): Json {
  if (Array.isArray(answer)) return answer.map((item) => shown(stage, item as Json));
  if (!isObject(answer)) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => [
      key,
      key === 'lines' && Array.isArray(value) ? normalise(value as string[], knownNames(stage)) : shown(stage, value),
    ]),
  );
}

async function inTime<T>(playing: Promise<T>, ms: number): Promise<T> {
  playing.catch(() => {});
  const timer = new AbortController();
  const late = delay(ms, undefined, { signal: timer.signal }).then(() =>
    Promise.reject(new Error(`took longer than ${Math.round(ms / 100) / 10} s`)),
  );
  late.catch(() => {});
  try {
    return await Promise.race([playing, late]);
  } finally {
    timer.abort();
  }
}

/** Only lines about this scenario's runs: others may share the worker. */
async function untilLogged(stage: Stage, expected: JsonObject, limit: number): Promise<void> {
  const end = performance.now() + limit;
  for (;;) {
    const lines = (stage.worker?.all ?? [])
      .flatMap(({ logs }) => logs)
      .filter(({ fields }) => isObject(fields) && String(fields.workflowId ?? '').startsWith(stage.idPrefix));
    if (lines.some((line) => differences(expected, line).length === 0)) return;
    if (performance.now() > end)
      throw new Error(`no such line within ${limit / 1_000} s; there are\n    ${lines.map((line) => JSON.stringify(line)).join('\n    ')}`);
    await delay(FIRST_PAUSE_MS);
  }
}
