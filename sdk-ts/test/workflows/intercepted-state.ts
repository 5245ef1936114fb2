// State that a workflow and its interceptors share: of one run.

export const seen: string[] = [];
