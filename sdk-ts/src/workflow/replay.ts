// Compares what the code produced with what the log holds: the n-th command with the n-th command event of the same task.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { PatchMarker } from '@perdure/proto/perdure/api/v1/marker';
import type { WorkflowTaskCompleted } from '@perdure/proto/perdure/api/v1/task';
import { NondeterminismError, type StepView } from '../common/nondeterminism.ts';
import { COMMAND_RULES } from './concepts.ts';
import type { CommandRule } from './rules.ts';
import { type EventAttributes, getHost, type Produced, type Run, type Site } from './run.ts';

/** A completed workflow task of the log with the command events it wrote. */
export interface Block {
  readonly eventId: bigint;
  readonly task: WorkflowTaskCompleted;
  /** All but patches, which have no place of their own. */
  readonly commands: readonly HistoryEvent[];
  readonly patches: readonly HistoryEvent[];
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
      throw nondeterminism(block, at, produced, recorded, options);
    }
    if (!options.strict) continue;
    const rule = ruleOf(produced);
    const inputs = rule.input?.(produced.attributes.value as never, recorded.attributes?.value as never);
    if (inputs === undefined) continue;
    const position = firstDifference(inputs[0], inputs[1]);
    if (position !== undefined) throw nondeterminism(block, at, produced, recorded, options, `argument ${position + 1} differs`);
  }
  for (const event of block.patches) comparePatch(run, block, event, options);
}

/** A patch that the code did not ask for is missing, unless it was deprecated when it was recorded. */
function comparePatch(run: Run, block: Block, event: HistoryEvent, options: CompareOptions): void {
  const patch = patchOf(event);
  if (patch === undefined || run.patches.has(patch.patchId)) return;
  if (!patch.deprecated) throw nondeterminism(block, block.commands.length, undefined, event, options);
  run.patches.add(patch.patchId);
}

/** The patch that an event records. */
export function patchOf({ attributes }: HistoryEvent): PatchMarker | undefined {
  const marker = attributes?.$case === 'markerRecorded' ? attributes.value.marker : undefined;
  return marker?.$case === 'patch' ? marker.value : undefined;
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

function viewProduced(produced: Produced): StepView {
  return { step: ruleOf(produced).produced(produced.attributes.value as never), callSite: formatSite(produced.site) };
}

function viewRecorded(recorded: HistoryEvent): StepView | undefined {
  const { attributes } = recorded;
  if (attributes === undefined) return undefined;
  const rule = Object.values(COMMAND_RULES).find((candidate) => candidate.event === attributes.$case) as AnyRule | undefined;
  if (rule === undefined) return { step: attributes.$case, callSite: '' };
  const value = attributes.value as never;
  return { step: rule.recorded(value), callSite: rule.site?.(value) ?? '' };
}

function nondeterminism(
  block: Block,
  at: number,
  produced: Produced | undefined,
  recorded: HistoryEvent | undefined,
  options: CompareOptions,
  difference = '',
): NondeterminismError {
  return new NondeterminismError({
    eventId: Number(recorded?.id ?? block.eventId),
    taskEventId: Number(block.eventId),
    position: at + 1,
    recorded: recorded && viewRecorded(recorded),
    produced: produced && viewProduced(produced),
    recordedBuildId: block.task.buildId,
    producedBuildId: options.buildId,
    difference,
  });
}

/** True for what compareBlock throws. */
export function isNondeterminism(error: unknown): boolean {
  return error instanceof NondeterminismError;
}

/** The first frame of a captured place: "script:line:column", or nothing. */
export function formatSite(site: Site | undefined): string {
  return site === undefined ? '' : getHost().placeOf(site);
}
