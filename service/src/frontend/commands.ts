/**
 * What can be said about the commands of a completion without knowing the run: text, sizes, and lengths of time that are
 * none. Refusals are BAD_COMMAND and name the field from `commands[i]` on; the core judges the rest.
 */
import type { Duration } from '@perdure/proto/google/protobuf/duration';
import { Command } from '@perdure/proto/perdure/api/v1/command';
import { MAX_COMMAND_BYTES, MAX_EVENT_PAYLOAD_BYTES, MAX_ID_BYTES, MAX_MEMO_BYTES } from '../core/limits.ts';
import { PerdureError } from '../errors.ts';
import { checkSearchAttributes } from './search-attributes.ts';
import { findBadText, snakeCase, weigh } from './text.ts';
import { boundText, durationMs } from './validate.ts';

/** A completion whose text and data weigh no more cannot reach a limit by its framing. */
const SURELY_SMALL_BYTES = MAX_EVENT_PAYLOAD_BYTES / 2;

/** Throws BAD_COMMAND naming the command at fault. `bytes` is what the whole completion weighs. */
export function checkCommands(commands: readonly Command[], bytes: number): void {
  for (const [index, command] of commands.entries()) {
    const field = fieldOf(command, index);
    if (Number.isNaN(bytes)) checkCommandText(command, field);
    if (bytes > SURELY_SMALL_BYTES || Number.isNaN(bytes)) checkCommandSize(command, field);
    inCommand(() => checkValues(command, field));
  }
  if (bytes > SURELY_SMALL_BYTES || commands.length > 10_000) checkTotal(commands);
}

function checkCommandText(command: Command, field: string): void {
  const bad = findBadText(command.attributes?.value, field);
  if (bad !== undefined) throw badCommand(bad.path, bad.problem);
}

function checkCommandSize(command: Command, field: string): void {
  const size = weigh(command.attributes?.value);
  if (size > MAX_EVENT_PAYLOAD_BYTES) throw tooLargeCommand(field, size, MAX_EVENT_PAYLOAD_BYTES);
}

function checkTotal(commands: readonly Command[]): void {
  let total = 0;
  let largest = { index: 0, bytes: -1 };
  for (const [index, command] of commands.entries()) {
    const bytes = Command.encode(command).finish().length;
    total += bytes;
    if (bytes > largest.bytes) largest = { index, bytes };
  }
  if (total <= MAX_COMMAND_BYTES) return;
  const command = commands[largest.index];
  const field = command === undefined ? 'commands' : fieldOf(command, largest.index);
  const problem = `${total} bytes in all, the limit is ${MAX_COMMAND_BYTES}; the largest is ${field} with ${largest.bytes} bytes`;
  throw new PerdureError('BAD_COMMAND', `commands: ${problem}`, { field, size: String(total), limit: String(MAX_COMMAND_BYTES) });
}

function checkValues(command: Command, field: string): void {
  switch (command.attributes?.$case) {
    case 'scheduleActivity': {
      const { value } = command.attributes;
      for (const name of ['activityId', 'activityType', 'taskQueue'] as const)
        boundText(`${field}.${snakeCase(name)}`, value[name], MAX_ID_BYTES);
      boundText(`${field}.call_site`, value.callSite);
      for (const name of ['scheduleToCloseTimeout', 'scheduleToStartTimeout', 'startToCloseTimeout', 'heartbeatTimeout'] as const) {
        durationMs(`${field}.${snakeCase(name)}`, value[name]);
      }
      const policy = value.retryPolicy;
      if (policy === undefined) return;
      checkDurations(`${field}.retry_policy`, { initial_interval: policy.initialInterval, maximum_interval: policy.maximumInterval });
      return;
    }
    case 'startTimer':
      durationMs(`${field}.duration`, command.attributes.value.duration);
      return;
    case 'upsertProperties': {
      const { memo, searchAttributes } = command.attributes.value;
      const bytes = weigh({ memo });
      if (bytes > MAX_MEMO_BYTES) throw tooLargeCommand(`${field}.memo`, bytes, MAX_MEMO_BYTES);
      checkSearchAttributes(`${field}.search_attributes`, searchAttributes, true);
      return;
    }
    case 'completeWorkflow':
    case 'failWorkflow':
    case 'cancelWorkflow':
    case 'cancelActivity':
    case 'cancelTimer':
    case undefined:
      return;
  }
}

function checkDurations(field: string, durations: Readonly<Record<string, Duration | undefined>>): void {
  for (const [name, duration] of Object.entries(durations)) durationMs(`${field}.${name}`, duration);
}

function fieldOf(command: Command, index: number): string {
  const kind = command.attributes?.$case;
  return kind === undefined ? `commands[${index}]` : `commands[${index}].${snakeCase(kind)}`;
}

/** The same checks as for requests, under the reason that makes the SDK fail the task. */
function inCommand(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof PerdureError && error.reason !== 'BAD_COMMAND')
      throw new PerdureError('BAD_COMMAND', error.message, error.metadata);
    throw error;
  }
}

function badCommand(field: string, problem: string): PerdureError {
  return new PerdureError('BAD_COMMAND', `${field}: ${problem}`, { field });
}

function tooLargeCommand(field: string, size: number, limit: number): PerdureError {
  return new PerdureError('BAD_COMMAND', `${field}: ${size} bytes, the limit is ${limit}`, {
    field,
    size: String(size),
    limit: String(limit),
  });
}
