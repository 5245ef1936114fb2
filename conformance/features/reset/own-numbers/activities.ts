// Gives back what the code says of itself.
export async function ownNumbersTell(runId: string, drawn: boolean): Promise<string> {
  if (!drawn) throw new RangeError('nothing was drawn');
  return runId;
}
