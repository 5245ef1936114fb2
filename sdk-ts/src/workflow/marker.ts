// Markers: what the code learned outside of the log. Side effects and local activities are compared like any other step; patches are looked
// up by id, so that code may ask for them in places the recorded run did not.

import type { MarkerRecorded, RecordMarkerCommand } from '@perdure/proto/perdure/api/v1/marker';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import type { Run } from './run.ts';

export type Marker = NonNullable<MarkerRecorded['marker']>;

export const markerEvents: Pick<EventRules, 'markerRecorded'> = {
  markerRecorded: { role: 'command', completedEventId: (value) => value.completedEventId },
};

export const markerCommands: Pick<CommandRules, 'recordMarker'> = {
  recordMarker: commandRule('recordMarker', {
    event: 'markerRecorded',
    produced: nameOf,
    recorded: nameOf,
    same: (produced, recorded) => keyOf(produced) === keyOf(recorded),
    site: (recorded) => recorded.callSite,
  }),
};

function nameOf({ marker }: RecordMarkerCommand | MarkerRecorded): string {
  switch (marker?.$case) {
    case 'sideEffect':
      return `side effect ${marker.value.number}`;
    case 'patch':
      return `patch "${marker.value.patchId}"`;
    case 'localActivity':
      return `local activity ${marker.value.number} "${marker.value.activityType}"`;
    case undefined:
      return 'a marker of an unknown kind';
  }
}

function keyOf({ marker }: RecordMarkerCommand | MarkerRecorded): string {
  switch (marker?.$case) {
    case 'sideEffect':
      return `effect ${marker.value.number}`;
    case 'patch':
      return `patch ${marker.value.patchId}`;
    case 'localActivity':
      return `local ${marker.value.number} ${marker.value.attempt} ${marker.value.activityType} ${marker.value.outcome?.$case}`;
    case undefined:
      return '';
  }
}

/** On replay: the marker that the log holds where the code stands now, if it is one. */
export function recordedMarker(run: Run): Marker | undefined {
  const attributes = run.block?.commands[run.commands.length]?.attributes;
  return attributes?.$case === 'markerRecorded' ? attributes.value.marker : undefined;
}
