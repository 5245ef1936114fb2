// What is told when the code of a run asks for other steps than its log holds. No Node imports: also runs in the sandbox.

import { PerdureFailure, registerFailure } from './failure-classes.ts';

/** A step in words, and the place in the sources that asked for it ("src/orders.ts:12:5"; '' if unknown). */
export interface StepView {
  readonly step: string;
  readonly callSite: string;
}

/** Plain data: travels as the first detail of the recorded failure. */
export interface NondeterminismFacts {
  /** The event that holds the recorded step; where there is none, `taskEventId`. */
  readonly eventId: number;
  /** The WorkflowTaskCompleted whose steps differ. */
  readonly taskEventId: number;
  /** Which step of that task, from 1. */
  readonly position: number;
  /** Undefined: the code asked for more steps than the log holds. */
  readonly recorded: StepView | undefined;
  /** Undefined: the code asked for fewer. */
  readonly produced: StepView | undefined;
  /** '' if the worker had none. */
  readonly recordedBuildId: string;
  readonly producedBuildId: string;
  /** What differs between steps of one name, for example "argument 1 differs"; '' otherwise. */
  readonly difference: string;
}

/** Name of the class, and type of the failure it is recorded as. */
export const NONDETERMINISM = 'NondeterminismError';

const HOW_TO_FIX = [
  'run the recorded code again, keep the order of steps for runs that were started with it,',
  'and remove what differs between runs of the same code (clocks, files, network, iteration over foreign data).',
].join(' ');

/**
 * The code of a run asks for other steps than its log holds: it was changed, or is not deterministic. Workflow code cannot catch it. The
 * workflow task fails and is tried again; the run keeps its log, and goes on when a worker with fitting code takes the task.
 *
 * Seen as `(await handle.describe()).blocked?.failure` from the third attempt on, and in the worker's log from the first.
 */
export class NondeterminismError extends PerdureFailure implements NondeterminismFacts {
  readonly eventId: number;
  readonly taskEventId: number;
  readonly position: number;
  readonly recorded: StepView | undefined;
  readonly produced: StepView | undefined;
  readonly recordedBuildId: string;
  readonly producedBuildId: string;
  readonly difference: string;
  readonly howToFix: string = HOW_TO_FIX;

  constructor(facts: NondeterminismFacts) {
    super(tell(facts), NONDETERMINISM);
    this.eventId = facts.eventId;
    this.taskEventId = facts.taskEventId;
    this.position = facts.position;
    this.recorded = facts.recorded;
    this.produced = facts.produced;
    this.recordedBuildId = facts.recordedBuildId;
    this.producedBuildId = facts.producedBuildId;
    this.difference = facts.difference;
  }
}

registerFailure(NondeterminismError, NONDETERMINISM);

function tell(facts: NondeterminismFacts): string {
  const { eventId, position, taskEventId, difference } = facts;
  return [
    `the code asks for other steps than the log of this run holds, at event ${eventId}`,
    `(step ${position} of the task completed at event ${taskEventId})${difference === '' ? '' : `: ${difference}`}.`,
    `Recorded: ${show(facts.recorded, facts.recordedBuildId)}. Produced: ${show(facts.produced, facts.producedBuildId)}.`,
    `To fix: ${HOW_TO_FIX}`,
  ].join(' ');
}

function show(view: StepView | undefined, buildId: string): string {
  const build = buildId === '' ? '' : ` [build ${buildId}]`;
  if (view === undefined) return `nothing${build}`;
  return `${view.step}${view.callSite === '' ? '' : ` at ${view.callSite}`}${build}`;
}

/** The facts alone, as they are recorded. */
export function factsOf(error: NondeterminismError): NondeterminismFacts {
  const { eventId, taskEventId, position, recorded, produced, recordedBuildId, producedBuildId, difference } = error;
  return { eventId, taskEventId, position, recorded, produced, recordedBuildId, producedBuildId, difference };
}

/** The error again, if the value is what `factsOf` made; other SDKs and versions may record something else. */
export function fromFacts(value: unknown): NondeterminismError | undefined {
  const facts = value as NondeterminismFacts | null | undefined;
  if (typeof facts !== 'object' || facts === null) return undefined;
  const numbers = [facts.eventId, facts.taskEventId, facts.position].every((one) => typeof one === 'number');
  const texts = [facts.recordedBuildId, facts.producedBuildId, facts.difference].every((one) => typeof one === 'string');
  return numbers && texts && isView(facts.recorded) && isView(facts.produced) ? new NondeterminismError(facts) : undefined;
}

function isView(value: unknown): boolean {
  if (value === undefined) return true;
  const view = value as StepView | null;
  return typeof view === 'object' && view !== null && typeof view.step === 'string' && typeof view.callSite === 'string';
}
