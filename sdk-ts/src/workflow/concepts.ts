// Joins the concepts: one spread each. The mapped types make the compiler name an event or command nobody handles.

import { activityCommands, activityEvents } from './activity.ts';
import { childCommands, childEvents } from './child.ts';
import { continueCommands, continueEvents } from './continue-as-new.ts';
import { externalCommands, externalEvents } from './external.ts';
import { markerCommands, markerEvents } from './marker.ts';
import { propertyCommands, propertyEvents } from './properties.ts';
import type { CommandRules, EventRules } from './rules.ts';
import { signalEvents } from './signal.ts';
import { timerCommands, timerEvents } from './timer.ts';
import { updateCommands, updateEvents } from './update.ts';
import { workflowCommands, workflowEvents } from './workflow.ts';

export const EVENT_RULES: EventRules = {
  ...workflowEvents,
  ...activityEvents,
  ...timerEvents,
  ...signalEvents,
  ...propertyEvents,
  ...continueEvents,
  ...childEvents,
  ...externalEvents,
  ...updateEvents,
  ...markerEvents,
};

export const COMMAND_RULES: CommandRules = {
  ...workflowCommands,
  ...activityCommands,
  ...timerCommands,
  ...propertyCommands,
  ...continueCommands,
  ...childCommands,
  ...externalCommands,
  ...updateCommands,
  ...markerCommands,
};
