// What operators ask for, as words: `pause-activity 1 reason=x`, `reset-activity 1 details jitter=1m`, `change-activity 1 run=5s beat=none`.
import type { HeartbeatAnswer } from '../../../src/core/activity-attempts.ts';
import type { ActivityChange } from '../../../src/core/activity-operators.ts';
import { durationOption, retryPolicyOf, type Words } from './commands.ts';
import { durationOf } from './text.ts';

const identity = 'ann';

const changes: Record<string, (words: Words) => ActivityChange> = {
  'pause-activity': ({ options }) => ({ kind: 'pause', reason: options.reason ?? '', identity }),
  'resume-activity': ({ options }) => ({ kind: 'resume', jitterMs: msOf(options.jitter), identity }),
  'reset-activity'({ plain, options }) {
    const has = (word: string): boolean => plain.includes(word);
    const flags = { resetHeartbeatDetails: has('details'), keepPaused: has('paused'), restoreOptions: has('options') };
    return { kind: 'reset', jitterMs: msOf(options.jitter), identity, ...flags };
  },
  'change-activity': ({ plain, options }) => ({
    kind: 'options',
    options: optionsOf(options),
    restoreOriginal: plain.includes('restore'),
    identity,
  }),
};

/** The change that a line asks for. */
export function changeOf(words: Words): ActivityChange {
  const change = changes[words.word];
  if (change === undefined) throw new Error(`not a change: ${words.word}`);
  return change(words);
}

/** What an attempt learns by its heartbeat. */
export function showHeartbeat({ cancelRequested, paused, reset }: HeartbeatAnswer): string[] {
  const told = [...(cancelRequested ? ['cancel'] : []), ...(paused ? ['paused'] : []), ...(reset ? ['reset'] : [])];
  return [told.length === 0 ? 'go on' : told.join(', ')];
}

function msOf(text: string | undefined): number {
  return text === undefined ? 0 : durationOf(text);
}

/** `none` removes a limit. */
function optionsOf(options: Record<string, string>): Extract<ActivityChange, { kind: 'options' }>['options'] {
  const limit = (name: string): ReturnType<typeof durationOption> =>
    options[name] === 'none' ? { seconds: 0n, nanos: 0 } : durationOption(options[name]);
  return {
    taskQueue: options.queue ?? '',
    scheduleToCloseTimeout: limit('to-close'),
    scheduleToStartTimeout: limit('to-start'),
    startToCloseTimeout: limit('run'),
    heartbeatTimeout: limit('beat'),
    retryPolicy: retryPolicyOf(options),
  };
}
