/** A module without a workflow. */
export const answer = 42;
