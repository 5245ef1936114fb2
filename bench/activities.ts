// The activity that is measured: it does nothing, so that the rest shows.

/** Answers what it got. */
export async function echo(payload: string): Promise<string> {
  return payload;
}
