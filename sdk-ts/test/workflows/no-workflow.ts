// A module without a workflow.

export const greeting = 'hello';
