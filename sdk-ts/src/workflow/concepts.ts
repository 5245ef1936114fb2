// Joins the concepts: one spread each. The mapped types make the compiler name an event or command nobody handles.

import { activityCommands, activityEvents } from './activity.ts';
import { continueCommands, continueEvents } from './continue-as-new.ts';
import { propertyCommands, propertyEvents } from './properties.ts';
import type { CommandRules, EventRules } from './rules.ts';
import { signalEvents } from './signal.ts';
import { timerCommands, timerEvents } from './timer.ts';
import { workflowCommands, workflowEvents } from './workflow.ts';

export const EVENT_RULES: EventRules = {
  ...workflowEvents,
  ...activityEvents,
  ...timerEvents,
  ...signalEvents,
  ...propertyEvents,
  ...continueEvents,
};

export const COMMAND_RULES: CommandRules = {
  ...workflowCommands,
  ...activityCommands,
  ...timerCommands,
  ...propertyCommands,
  ...continueCommands,
};
