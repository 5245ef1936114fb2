/**
 * Marker: what the code learned outside of the log (side effects, patches, local activities) and needs again on replay. The
 * service keeps it in the log and does nothing else with it.
 *
 * | state  | RecordMarker                  |
 * |--------|-------------------------------|
 * | (any)  | MarkerRecorded, nothing waits |
 */
import { PerdureError } from '../errors.ts';
import type { CommandRules, CommandValue, EventFolds } from './concepts.ts';
import { fromDuration } from './time.ts';
import { record } from './transition.ts';

export const markerFolds: EventFolds<'markerRecorded'> = {
  markerRecorded() {
    // Only the SDK reads it.
  },
};

export const markerCommands: CommandRules<'recordMarker'> = {
  recordMarker: {
    check(_context, { marker }) {
      const problem = problemOf(marker);
      if (problem !== undefined) throw new PerdureError('BAD_COMMAND', `recordMarker.${problem}`);
    },
    apply(t, { marker, callSite }, completedEventId) {
      record(t, { $case: 'markerRecorded', value: { completedEventId, marker, callSite } });
    },
  },
};

/** The field and what is wrong with it. */
function problemOf(marker: CommandValue<'recordMarker'>['marker']): string | undefined {
  switch (marker?.$case) {
    case 'sideEffect':
      return marker.value.number < 1 ? 'side_effect.number: 0 is no number of a step' : undefined;
    case 'patch':
      return marker.value.patchId === '' ? 'patch.patch_id: must not be empty' : undefined;
    case 'localActivity': {
      const { number, activityType, attempt, outcome } = marker.value;
      if (number < 1) return 'local_activity.number: 0 is no number of a step';
      if (activityType === '') return 'local_activity.activity_type: must not be empty';
      if (attempt < 1) return `local_activity.attempt: ${attempt} is less than 1`;
      if (outcome === undefined) return 'local_activity.outcome: one of result, failure and backoff is required';
      if (outcome.$case === 'backoff' && !(fromDuration(outcome.value.delay) >= 0)) return 'local_activity.backoff.delay: is negative';
      return undefined;
    }
    case undefined:
      return 'marker: one of side_effect, patch and local_activity is required';
  }
}
