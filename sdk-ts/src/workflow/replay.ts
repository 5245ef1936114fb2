// Compares what the code produced with what the log holds: the n-th command with the n-th command event of the same task.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTaskCompleted } from '@perdure/proto/perdure/api/v1/task';
import { ApplicationFailure } from '../common/failure.ts';
import { COMMAND_RULES } from './concepts.ts';
import type { CommandRule } from './rules.ts';
import { type EventAttributes, getHost, type Produced, type Run, type Site } from './run.ts';

/** A completed workflow task of the log with the command events it wrote. */
export interface Block {
  readonly eventId: bigint;
  readonly task: WorkflowTaskCompleted;
  readonly commands: readonly HistoryEvent[];
}

export interface CompareOptions {
  /** Compare inputs too. */
  readonly strict: boolean;
  readonly buildId: string;
}

type AnyRule = CommandRule<never, EventAttributes['$case']>;

function ruleOf(produced: Produced): AnyRule {
  return COMMAND_RULES[produced.attributes.$case] as AnyRule;
}

/** Throws NondeterminismError at the first difference. */
export function compareBlock(run: Run, block: Block, options: CompareOptions): void {
  const count = Math.max(run.commands.length, block.commands.length);
  for (let at = 0; at < count; at += 1) {
    const produced = run.commands[at];
    const recorded = block.commands[at];
    if (produced === undefined || recorded === undefined || !agree(produced, recorded)) {
      throw nondeterminism(block, at, produced, recorded, options, undefined);
    }
    if (!options.strict) continue;
    const rule = ruleOf(produced);
    const inputs = rule.input?.(produced.attributes.value as never, recorded.attributes?.value as never);
    if (inputs === undefined) continue;
    const position = firstDifference(inputs[0], inputs[1]);
    if (position !== undefined) throw nondeterminism(block, at, produced, recorded, options, `argument ${position + 1} differs`);
  }
}

function agree(produced: Produced, recorded: HistoryEvent): boolean {
  const rule = ruleOf(produced);
  if (rule.event !== recorded.attributes?.$case) return false;
  return rule.same(produced.attributes.value as never, recorded.attributes.value as never);
}

/** Recorded and produced arguments are compared by their bytes: the converter is deterministic. */
function firstDifference(left: readonly Payload[], right: readonly Payload[]): number | undefined {
  const count = Math.max(left.length, right.length);
  for (let at = 0; at < count; at += 1) {
    const a = left[at];
    const b = right[at];
    if (a === undefined || b === undefined || a.encoding !== b.encoding || a.data.length !== b.data.length) return at;
    if (a.data.some((byte, index) => byte !== b.data[index])) return at;
  }
  return undefined;
}

interface StepView {
  readonly step: string;
  readonly callSite: string;
  readonly buildId: string;
}

function viewProduced(produced: Produced | undefined, buildId: string): StepView | undefined {
  if (produced === undefined) return undefined;
  return { step: ruleOf(produced).produced(produced.attributes.value as never), callSite: formatSite(produced.site), buildId };
}

function viewRecorded(recorded: HistoryEvent | undefined, buildId: string): StepView | undefined {
  const attributes = recorded?.attributes;
  if (attributes === undefined) return undefined;
  const rule = Object.values(COMMAND_RULES).find((candidate) => candidate.event === attributes.$case) as AnyRule | undefined;
  if (rule === undefined) return { step: attributes.$case, callSite: '', buildId };
  const value = attributes.value as never;
  return { step: rule.recorded(value), callSite: rule.site?.(value) ?? '', buildId };
}

function show(view: StepView | undefined): string {
  if (view === undefined) return 'nothing';
  const at = view.callSite === '' ? '' : ` at ${view.callSite}`;
  return `${view.step}${at}${view.buildId === '' ? '' : ` [build ${view.buildId}]`}`;
}

const NONDETERMINISM = 'NondeterminismError';

function nondeterminism(
  block: Block,
  at: number,
  produced: Produced | undefined,
  recorded: HistoryEvent | undefined,
  options: CompareOptions,
  why: string | undefined,
): ApplicationFailure {
  const eventId = recorded?.id ?? block.eventId;
  const details = {
    eventId: Number(eventId),
    taskEventId: Number(block.eventId),
    position: at + 1,
    recorded: viewRecorded(recorded, block.task.buildId),
    produced: viewProduced(produced, options.buildId),
  };
  const message = [
    `the code asks for other steps than the log of this run holds, at event ${eventId}`,
    `(step ${at + 1} of the task completed at event ${block.eventId})${why === undefined ? '' : `: ${why}`}.`,
    `Recorded: ${show(details.recorded)}. Produced: ${show(details.produced)}.`,
    'To fix: run the recorded code again, keep the order of steps for runs that were started with it,',
    'and remove what differs between runs of the same code (clocks, files, network, iteration over foreign data).',
  ].join(' ');
  return new ApplicationFailure({ message, type: NONDETERMINISM, nonRetryable: false, details: [details] });
}

/** True for what compareBlock throws. */
export function isNondeterminism(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.type === NONDETERMINISM;
}

/** The first frame of a captured place: "script:line:column", or nothing. */
export function formatSite(site: Site | undefined): string {
  return site === undefined ? '' : getHost().placeOf(site);
}
