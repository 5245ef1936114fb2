/** Families of the kill test: each child was started once, each run of it followed once, and the parent heard of everything once. */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { Family } from './load.ts';
import { type ReadRun, signalsOf } from './read-run.ts';
import { CHILDREN, ROUNDS } from './workflows.ts';

type Case = NonNullable<HistoryEvent['attributes']>['$case'];
type ValueOf<K extends Case> = Extract<NonNullable<HistoryEvent['attributes']>, { $case: K }>['value'];

function valuesOf<K extends Case>({ events }: ReadRun, kind: K): ValueOf<K>[] {
  return events.flatMap(({ attributes }) => (attributes?.$case === kind ? [attributes.value as ValueOf<K>] : []));
}

const numbers = Array.from({ length: CHILDREN }, (_, child) => child);
const WORDS = numbers.flatMap((child) => Array.from({ length: ROUNDS }, (_, round) => `${child}.${round + 1}`)).join();

export function checkFamily(
  { workflowId, runId, result }: Family,
  runs: ReadonlyMap<string, readonly ReadRun[]>,
  statuses: ReadonlyMap<string, number>,
): string[] {
  const [parent, ...others] = runs.get(workflowId) ?? [];
  if (parent === undefined || others.length > 0 || parent.runId !== runId) return [`its acknowledged run ${runId} is not its only one`];
  const problems = [...parent.problems];
  if (parent.state.status !== WorkflowStatus.COMPLETED) problems.push(`ended with status ${parent.state.status}`);
  const heard = signalsOf(parent.events) as string[];
  if (heard.toSorted().join() !== WORDS) problems.push(`heard ${heard}, the children said ${WORDS}`);
  if (result?.words.join() !== heard.join()) problems.push(`its code heard ${result?.words}, its log says ${heard}`);
  if (result?.ends.join() !== numbers.join()) problems.push(`its code saw the ends ${result?.ends}`);
  for (const child of numbers) {
    const chain = runs.get(`${workflowId}-${child}`) ?? [];
    problems.push(...checkChild(parent, child + 1, chain).map((problem) => `child ${child}: ${problem}`));
    problems.push(...chain.flatMap((run) => run.problems));
  }
  const all = [parent, ...numbers.flatMap((child) => runs.get(`${workflowId}-${child}`) ?? [])];
  for (const run of all) {
    const shown = statuses.get(run.runId);
    if (shown !== run.state.status) problems.push(`lists show status ${shown} of ${run.runId}, the log says ${run.state.status}`);
  }
  return problems;
}

/** `number` is the one by which the parent knows the child. */
function checkChild(parent: ReadRun, number: number, runs: readonly ReadRun[]): string[] {
  const problems: string[] = [];
  const firsts = runs.filter((run) => valuesOf(run, 'workflowStarted')[0]?.continuation === undefined);
  if (firsts.length !== 1) problems.push(`was started ${firsts.length} times`);
  const chain: ReadRun[] = [];
  for (let next = firsts[0]; next !== undefined && !chain.includes(next); ) {
    chain.push(next);
    const following = valuesOf(next, 'workflowContinuedAsNew')[0]?.newRunId;
    next = runs.find((run) => run.runId === following);
  }
  if (chain.length !== ROUNDS || runs.length !== ROUNDS)
    problems.push(`its chain has ${chain.length} of ${runs.length} runs, not ${ROUNDS}`);
  const ends = chain.map(({ state }) => state.status);
  const expected = [...Array.from({ length: ROUNDS - 1 }, () => WorkflowStatus.CONTINUED_AS_NEW), WorkflowStatus.COMPLETED];
  if (ends.join() !== expected.join()) problems.push(`its runs ended with ${ends}`);
  for (const run of chain) {
    const sent = valuesOf(run, 'externalSignalScheduled').length;
    const told = valuesOf(run, 'externalSignalDelivered').length;
    if (sent !== 1 || told !== 1) problems.push(`run ${run.runId} sent ${sent} signals and was told of ${told}`);
  }
  const started = valuesOf(parent, 'childWorkflowStarted').filter((value) => value.number === number);
  if (started.map(({ runId }) => runId).join() !== chain[0]?.runId)
    problems.push(`its parent heard of the starts ${started.map(({ runId }) => runId)}`);
  const ended = valuesOf(parent, 'childWorkflowCompleted').filter((value) => value.number === number);
  if (ended.map(({ runId }) => runId).join() !== chain.at(-1)?.runId)
    problems.push(`its parent heard of the ends ${ended.map(({ runId }) => runId)}`);
  return problems;
}
