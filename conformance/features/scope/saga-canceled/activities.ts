// Answers.
export async function sagaCanceledWork(what: string): Promise<string> {
  return what;
}
